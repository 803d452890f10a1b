//! A frame made a little longer or shorter, so little that nobody hears it.

/// Appends `samples` samples of `channels` channels that sound like all of `from`: cubic interpolation between
/// neighbours. At half a percent the pitch moves by a twelfth of a semitone.
pub(crate) fn stretch(from: &[f32], channels: usize, samples: usize, out: &mut Vec<f32>) {
    let length = from.len() / channels;
    if length == samples || length < 2 || samples < 2 {
        out.extend_from_slice(from.get(..samples.min(length) * channels).unwrap_or_default());
        out.resize(out.len() + samples.saturating_sub(length) * channels, 0.0);
        return;
    }
    let at = |sample: usize, channel: usize| {
        from.get(sample.min(length - 1) * channels + channel).copied().unwrap_or_default()
    };
    let step = (length - 1) as f64 / (samples - 1) as f64;
    for sample in 0..samples {
        let exact = sample as f64 * step;
        let (whole, part) = (exact as usize, exact.fract() as f32);
        for channel in 0..channels {
            let [a, b, c, d] =
                [whole.saturating_sub(1), whole, whole + 1, whole + 2].map(|near| at(near, channel));
            let (linear, square, cube) =
                ((c - a) * 0.5, a - 2.5 * b + 2.0 * c - 0.5 * d, (d - a) * 0.5 + (b - c) * 1.5);
            out.push(b + part * (linear + part * (square + part * cube)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_stays_a_tone() {
        let tone = |rate: f32, samples: usize| -> Vec<f32> {
            (0..samples).map(|at| (at as f32 * 440.0 * std::f32::consts::TAU / rate).sin()).collect()
        };
        for samples in [955, 959, 961, 965] {
            let mut out = Vec::new();
            stretch(&tone(48_000.0, 960), 1, samples, &mut out);
            let expected = tone(48_000.0 * (samples - 1) as f32 / 959.0, samples);
            assert_eq!(out.len(), samples);
            let worst = out.iter().zip(&expected).map(|(is, wanted)| (is - wanted).abs()).fold(0.0, f32::max);
            assert!(worst < 0.001, "{samples}: {worst}");
        }
    }

    #[test]
    fn nothing_changes_what_has_its_length_and_channels_stay_apart() {
        let mut out = Vec::new();
        stretch(&[1.0, 2.0, 3.0], 1, 3, &mut out);
        assert_eq!(out, [1.0, 2.0, 3.0]);
        out.clear();
        stretch(&[1.0, -1.0].repeat(100), 2, 101, &mut out);
        assert!(out.as_chunks::<2>().0.iter().all(|pair| *pair == [1.0, -1.0]));
    }
}

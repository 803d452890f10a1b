/** Names by a few of their letters: what starts so first, then words that do, then anything that holds them in order. Pure. */
export function matching<T extends { name: string }>(targets: readonly T[], query: string, limit: number): T[] {
  const wanted = fold(query.trim());
  if (wanted === "") return targets.slice(0, limit);
  return targets
    .map((target, order) => ({ target, order, rank: rank(fold(target.name), wanted) }))
    .filter((entry) => entry.rank < 4)
    .sort((a, b) => a.rank - b.rank || a.order - b.order)
    .slice(0, limit)
    .map((entry) => entry.target);
}

function fold(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

function rank(name: string, wanted: string): number {
  if (name.startsWith(wanted)) return 0;
  if (name.split(/[^\p{L}\p{N}]+/u).some((word) => word.startsWith(wanted))) return 1;
  if (name.includes(wanted)) return 2;
  let at = 0;
  for (const char of name) if (char === wanted[at]) at++;
  return at === wanted.length ? 3 : 4;
}

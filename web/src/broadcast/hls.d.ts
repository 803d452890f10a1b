/** The light build has the face of the full one, and says nothing of it. */
declare module "hls.js/light" {
  export { default, type HlsConfig } from "hls.js";
}

/** What becomes of a POST of a client over Server-Sent Events that does not just pass. */
export const POST_FATES = [
  /** It does not arrive. */
  'lost',
  /** Nor does the client learn it. */
  'vanishes',
  /** Its body ends at any byte. */
  'cut',
  /** After it was carried out. */
  'answer lost',
  /** A proxy sends it again, at once. */
  'comes twice',
  /** A proxy sends it again; what it has sent before comes after later ones. */
  'overtaken',
  'slow',
] as const;
export type PostFate = (typeof POST_FATES)[number];

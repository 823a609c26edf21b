/**
 * What a file picker offers: all that the browser takes for a picture, and each extension that the server reads, since browsers do
 * not know every one of them.  `styles`: style files, too, which are no pictures.
 */
export function accepted(readable: string[], styles: boolean): string {
  return ["image/*", ...readable.filter((extension) => styles || extension !== ".style")].join(",");
}

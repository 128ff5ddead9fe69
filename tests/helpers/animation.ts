/** An animated GIF from screenshots of one size. Pixels that do not change are transparent, so still parts cost nothing. */
import { applyPalette, GIFEncoder, quantize } from 'gifenc';
import { PNG } from 'pngjs';

/** Colours of the first frame that all frames are drawn in; one more index stands for "as before". */
const COLOURS = 127;
/** GIF's disposal method: the next frame is drawn over this one. */
const KEEP = 1;

/** `frames` are PNG files. */
export function animatedGif(frames: readonly Buffer[], delayMs: number): Uint8Array {
  const images = frames.map((frame) => PNG.sync.read(frame));
  const { width, height, data } = images[0]!;
  const palette = quantize(data, COLOURS);
  const same = palette.length;
  const encoder = GIFEncoder();
  let shown = new Uint8Array();
  for (const [at, image] of images.entries()) {
    const drawn = applyPalette(image.data, palette);
    const changed = at === 0 ? drawn : drawn.map((colour, pixel) => (colour === shown[pixel] ? same : colour));
    encoder.writeFrame(changed, width, height, {
      ...(at === 0 ? { palette: [...palette, [0, 0, 0]] } : { transparent: true, transparentIndex: same }),
      delay: delayMs,
      dispose: KEEP,
    });
    shown = new Uint8Array(drawn);
  }
  encoder.finish();
  return encoder.bytes();
}

/** How many bytes floats take on the wire in each code. Pure; the codes themselves are in net/collective/codec.ts. */

export const WIRES = ['f32', 'f16', 'int8', 'int4'] as const;
export type Wire = (typeof WIRES)[number];

const BITS = { f32: 32, f16: 16, int8: 8, int4: 4 } as const;

/** Bytes of `floats` codes of `bits` bits, with a scale of 4 bytes for every `block` elements. */
export function codedBytes(floats: number, bits: number, block: number): number {
  return floats === 0 ? 0 : Math.ceil((floats * bits) / 8) + 4 * Math.ceil(floats / block);
}

/** Bytes of `floats` elements, up to one block. The single exponent of each f16 piece is not counted. */
export function wireBytes(floats: number, wire: Wire): number {
  const scales = wire === 'int8' || wire === 'int4' ? floats / 16 : 0;
  return (floats * BITS[wire]) / 8 + scales;
}

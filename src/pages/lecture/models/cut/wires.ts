/** The formats of numbers on the wire beside each other: bytes of a number, and the error of coding it. */
import { codecOf } from '../../../../net/collective/codec';
import { WIRES, type Wire, wireBytes } from '../../../../plan/wire';

interface WireFacts {
  readonly wire: Wire;
  readonly bytesPerNumber: number;
  /** Relative L2 error of numbers that are coded and decoded once. */
  readonly error: number;
}

const COUNT = 16_384;

/** Facts of every format, measured with the codecs of the run on normal numbers, the same ones each time. */
export function wireFacts(): readonly WireFacts[] {
  const numbers = normals(COUNT);
  const norm = Math.hypot(...numbers);
  return WIRES.map((wire) => {
    const codec = codecOf(wire);
    const back = codec ? codec.decode(codec.encode(numbers), COUNT, wire) : numbers;
    const error = Math.hypot(...numbers.map((number, i) => back[i]! - number)) / norm;
    return { wire, bytesPerNumber: wireBytes(COUNT, wire) / COUNT, error };
  });
}

/** Normal numbers by Box and Muller from a fixed seed. */
function normals(count: number): Float32Array {
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / 2 ** 32;
  };
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

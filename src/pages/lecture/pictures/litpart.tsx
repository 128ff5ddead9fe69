/** The followed unit's part of a bar of bytes. */

interface Props {
  /** Bytes of the part, and of the whole bar. */
  readonly bytes: number;
  readonly of: number;
}

export function LitPart({ bytes, of }: Props) {
  return <i class="lit-part" style={{ height: `${(100 * bytes) / Math.max(1, of)}%` }} />;
}

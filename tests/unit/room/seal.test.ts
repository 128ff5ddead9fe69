/** Room key and sealed envelopes: what a server or a stranger can and cannot do with them. */
import { describe, expect, it } from 'vitest';
import { deriveRoom, isSecret, newPeerId, newSecret, secretOfFragment } from '../../../src/net/signaling/roomkey';
import { EVERYBODY, Sealer } from '../../../src/net/signaling/seal';

const A = 'aaaaaaaaaaaa';
const B = 'bbbbbbbbbbbb';

describe('room key', () => {
  it('gives 128-bit secrets and ids, and everybody with the secret the same id', async () => {
    const secret = newSecret();
    expect(isSecret(secret)).toBe(true);
    const [one, two] = await Promise.all([deriveRoom(secret), deriveRoom(secret)]);
    expect(one.id).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(one.id).toBe(two.id);
    expect(one.id).not.toBe(secret);
    expect((await deriveRoom(newSecret())).id).not.toBe(one.id);
    expect(newPeerId()).toMatch(/^[0-9a-f]{12}$/);
  });

  it('takes only a well-formed secret from a link', async () => {
    const secret = newSecret();
    expect(secretOfFragment(`#room=${secret}&m=x`)).toBe(secret);
    for (const bad of ['', '#', '#room=', '#room=short', `#room=${secret}x`, '#room=<script>aaaaaaaaaaaaaa']) {
      expect(secretOfFragment(bad)).toBeUndefined();
    }
    for (const behind of ['.', ',', '!', '?', ')', '>', '"', '\u201d', '.)', '%2E', '.&m=x', ' and more']) {
      expect(secretOfFragment(`#room=${secret}${behind}`)).toBe(secret);
    }
    await expect(deriveRoom('short')).rejects.toThrow('22 letters');
  });
});

describe('envelopes', () => {
  const setup = async () => {
    const room = await deriveRoom(newSecret());
    return { room, a: new Sealer(room, A, 'm'), b: new Sealer(room, B, 'm') };
  };

  it('carries JSON to its receiver and nothing readable on the way', async () => {
    const { a, b } = await setup();
    const text = await a.seal(B, { sdp: 'v=0 secret words' });
    expect(atob(text.replaceAll('-', '+').replaceAll('_', '/'))).not.toContain('secret words');
    expect(await b.open(A, B, text)).toEqual({ sdp: 'v=0 secret words' });
  });

  it('opens once only, in order, per sender', async () => {
    const { a, b } = await setup();
    const first = await a.seal(B, 1);
    const second = await a.seal(EVERYBODY, 2);
    expect(await b.open(A, EVERYBODY, second)).toBe(2);
    await expect(b.open(A, EVERYBODY, second)).rejects.toThrow('already received');
    await expect(b.open(A, B, first)).rejects.toThrow('already received');
  });

  it('is refused under another sender, receiver, room, medium or key, and when a byte is changed', async () => {
    const { room, a, b } = await setup();
    const text = await a.seal(B, 1);
    const refused = (promise: Promise<unknown>) => expect(promise).rejects.toThrow('not sealed with the key');
    await refused(b.open(B, B, text));
    await refused(b.open(A, A, text));
    await refused(b.open(A, EVERYBODY, text));
    await refused(new Sealer(room, B, 'other').open(A, B, text));
    await refused(new Sealer(await deriveRoom(newSecret()), B, 'm').open(A, B, text));
    await refused(b.open(A, B, `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`));
    await refused(b.open(A, B, ''));
    await refused(b.open(A, B, '!!!'));
    expect(await b.open(A, B, text)).toBe(1);
  });
});

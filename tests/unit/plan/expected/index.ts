import { FLUSHED } from './flushed';
import { INTERLEAVED } from './interleaved';
import { ZEROBUBBLE } from './zerobubble';

export const EXPECTED = [...FLUSHED, ...INTERLEAVED, ...ZEROBUBBLE];

/** The votes on one question: one for each peer, the newest counts. Votes are data from the network. Pure. */
import type { PeerId, Presence, RoomQuestion, Vote } from '../../tab';

/** A peer may change its vote so often; a person needs far fewer. */
const MAX_CHANGES = 20;

export type Votes = ReadonlyMap<PeerId, { readonly choice: number; readonly changes: number }>;

/** Returns `votes` with the vote of `from`; returns `votes` itself for a vote that does not count. */
export function withVote(votes: Votes, question: RoomQuestion, from: PeerId, { id, choice }: Vote): Votes {
  if (id !== question.id || question.outcome || choice >= question.options.length) return votes;
  const before = votes.get(from);
  if (before?.choice === choice || (before?.changes ?? 0) >= MAX_CHANGES) return votes;
  return new Map(votes).set(from, { choice, changes: (before?.changes ?? 0) + 1 });
}

/**
 * Votes by option, of the peers in `roster`. Whoever has left does not count: a page that is loaded anew is another peer,
 * and could else vote again and again. Pages that ask do not vote.
 */
export function countVotes(
  votes: Votes,
  question: RoomQuestion,
  roster: ReadonlyMap<PeerId, Presence>,
): readonly number[] {
  const counts = question.options.map(() => 0);
  for (const [peer, { choice }] of votes) {
    const presence = roster.get(peer);
    if (presence && !presence.signal) counts[choice]! += 1;
  }
  return counts;
}

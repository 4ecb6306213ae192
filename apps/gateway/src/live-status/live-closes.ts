/** Why the hub closes a socket, by the code that it says (RFC 6455 §7.4; from 4000 on they are the hub's own). */
export const LIVE_CLOSES = {
  goingAway: 1001,
  broken: 1006,
  notHeard: 1008,
  setBack: 1012,
  expired: 4401,
  tooSlow: 4408,
} as const;

export type LiveClose = (typeof LIVE_CLOSES)[keyof typeof LIVE_CLOSES];

/** The same for whoever reads of the route. */
export const LIVE_CLOSE_WORDS: Readonly<Record<number, string>> = {
  [LIVE_CLOSES.goingAway]: 'the gateway stops: open another socket, with the last `seq` as `after`',
  [LIVE_CLOSES.notHeard]: 'the client sent something: nothing is read here',
  1009: 'the client sent something large',
  [LIVE_CLOSES.setBack]: 'the trail of the org was set back: read everything anew, and open a socket without `after`',
  [LIVE_CLOSES.expired]: 'the bearer token or the session has ended: open another socket with a new one',
  [LIVE_CLOSES.tooSlow]: 'the client does not keep up: open another socket, with the last `seq` as `after`',
};

const TOLD = ['1000', '1001', '1005', '1006', '1008', '1009', '1012', '4401', '4408'] as const;

/** A close code as the metric counts it: clients may say any. */
export function toldClose(code: number): (typeof TOLD)[number] | 'other' {
  return TOLD.find((told) => told === String(code)) ?? 'other';
}

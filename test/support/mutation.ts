/**
 * A size for a test that does the same many times. Under mutation testing (test/prove/mutation) every test runs hundreds
 * of times, and a few rounds of it tell there as much.
 */
export function often(usually: number, underMutation: number): number {
  return 'mutatedLib' in globalThis ? underMutation : usually;
}

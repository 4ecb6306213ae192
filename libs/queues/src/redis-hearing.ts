/** After a command that Redis did not answer in time, so long nobody waits for the next one. */
const DEAF_MS = 3_000;

/** Whether Redis is worth waiting for: a line that stands and says nothing costs each command its whole patience. */
export class RedisHearing {
  private deafUntilMs = -Infinity;

  /** False for a while after a command that was not answered in time. */
  get isGood(): boolean {
    return performance.now() >= this.deafUntilMs;
  }

  /** Takes note of a command that failed; ioredis words it so when `commandTimeout` is over. */
  note(error: Error): void {
    if (error.message === 'Command timed out') this.deafUntilMs = performance.now() + DEAF_MS;
  }
}

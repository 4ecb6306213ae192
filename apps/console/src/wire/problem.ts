/** A refusal of the hub (RFC 9457), or that it was not there to give one. */
export class HubProblem extends Error {
  override readonly name = 'HubProblem';

  /**
   * @param code   the problem's code; `unreachable`: no answer came at all
   * @param status of the answer; 0 without one
   */
  constructor(
    readonly code: string,
    readonly status: number,
    readonly detail: string,
    readonly fix?: string,
    readonly instance?: string,
  ) {
    super(detail);
  }
}

/** True where nobody answered: the network, or the hub itself, is away. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof HubProblem && error.code === 'unreachable';
}

/** True where the session has ended, or there never was one. */
export function isSignedOut(error: unknown): boolean {
  return error instanceof HubProblem && error.status === 401;
}

/** Reads a problem document; anything else that came with a refusing status is `internal`. @param body the parsed JSON, if it was JSON */
export function readProblem(status: number, body: unknown): HubProblem {
  const words = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const text = (name: string): string | undefined => {
    const value = words[name];
    return typeof value === 'string' ? value : undefined;
  };
  // a proxy in front answers with pages of its own while the hub is away
  const code = text('code') ?? (status >= 502 && status <= 504 ? 'unreachable' : 'internal');
  return new HubProblem(code, status, text('detail') ?? `The hub answered ${status}.`, text('fix'), text('instance'));
}

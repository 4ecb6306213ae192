import type { IncomingMessage, ServerResponse } from 'node:http';

/** How long a call may last, and what happens beyond it. */
export interface CallLimits {
  /** A whole call, its answer's body included. */
  readonly longestMs: number;
  /** A call that is ended leaves its caller so long to read the rest of an answer, or why it was ended. */
  readonly cutAfterMs: number;
}

/** Sees to it that every call ends: with its answer, with its caller, in time, or with the gateway. */
export class CallsUnderWay {
  private readonly ends = new Set<() => void>();

  constructor(private readonly limits: CallLimits) {}

  /**
   * @param onClose called once: the answer has been sent whole, or it never will be
   * @returns what ends the call to the provider
   */
  begin(request: IncomingMessage, response: ServerResponse, onClose: (isWhole: boolean) => void): AbortSignal {
    const { socket } = request;
    const abort = new AbortController();
    let cut: NodeJS.Timeout | undefined;
    let isWhole = false;
    const end = (): void => {
      abort.abort();
      // the provider may be done already: then only a caller who does not read holds the call
      cut ??= setTimeout(() => socket.destroy(), this.limits.cutAfterMs).unref();
    };
    const longest = setTimeout(end, this.limits.longestMs);
    const close = (): void => {
      if (!this.ends.delete(end)) return;
      clearTimeout(longest);
      clearTimeout(cut);
      response.off('finish', finish).off('close', close);
      socket.off('close', close);
      if (!isWhole) abort.abort();
      onClose(isWhole);
    };
    const finish = (): void => {
      isWhole = !socket.destroyed; // a cut is a finish to Node as well
    };
    this.ends.add(end);
    response.prependOnceListener('finish', finish); // before Node ends the connection of a last answer
    response.once('close', close);
    socket.once('close', close); // Node never closes an answer that waits behind another on its connection
    if (response.closed || socket.destroyed) close();
    return abort.signal;
  }

  /** Ends all of them. */
  endAll(): void {
    for (const end of this.ends) end();
  }
}

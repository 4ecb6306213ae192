import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import type { RouteSpec } from '../http/route';
import { BearerService } from './bearer.service';
import type { Caller } from './caller';
import { bearerAmongProtocols } from './protocol-bearer';

/**
 * Says who sent a request: the one place that knows by what a caller may prove himself. Routes with a scope ask it before
 * anything else, those that speak WebSocket too.
 */
@Injectable()
export class RequestCallers {
  constructor(private readonly bearers: BearerService) {}

  /** Whether a request brings a bearer at all. */
  isNamed(headers: IncomingHttpHeaders, spec: Pick<RouteSpec, 'socket'>): boolean {
    return proofIn(headers, spec) !== undefined;
  }

  /**
   * The caller of a request; `undefined` if it names none, or whatever is wrong with its proof.
   *
   * @throws HubError `provider_unavailable` if the issuer's keys cannot be fetched
   */
  async callerOf(headers: IncomingHttpHeaders, spec: Pick<RouteSpec, 'socket'>): Promise<Caller | undefined> {
    return this.bearers.callerOf(proofIn(headers, spec));
  }
}

function proofIn(headers: IncomingHttpHeaders, { socket }: Pick<RouteSpec, 'socket'>): string | undefined {
  // a browser's WebSocket sets no header but this one
  const fromProtocols = socket && bearerAmongProtocols(headers['sec-websocket-protocol'], socket.protocol);
  return headers.authorization ?? fromProtocols;
}

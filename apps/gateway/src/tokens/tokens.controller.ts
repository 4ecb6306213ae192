import { Controller, Header, Req } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import type { HubRequest } from '../http/hub-request';
import type { RouteInput } from '../http/route';
import { ArrivedMs, CurrentCaller, Input, Route } from '../http/route.decorator';
import { readToken } from './tokens.routes';
import { TokensService, type TokenAnswer } from './tokens.service';

@Controller()
export class TokensController {
  constructor(private readonly tokens: TokensService) {}

  @Route(readToken)
  @Header('cache-control', 'no-store')
  async read(
    @CurrentCaller() caller: Caller,
    @Input() { params, query }: RouteInput<typeof readToken>,
    @ArrivedMs() arrivedMs: number,
    @Req() request: HubRequest,
  ): Promise<TokenAnswer> {
    return this.tokens.read(caller, params['provider'] ?? '', query.minTtl, arrivedMs, () => {
      request.waitedForRefresh = true;
    });
  }
}

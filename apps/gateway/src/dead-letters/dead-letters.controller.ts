import type { DeadLetter } from '@hub/database';
import { Controller, Req } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import type { HubRequest } from '../http/hub-request';
import type { RouteInput } from '../http/route';
import { CurrentCaller, Input, Route } from '../http/route.decorator';
import { cursorOf } from './dead-letter-cursor';
import { listDeadLetters, replayDeadLetter, replayDeadLetters } from './dead-letters.routes';
import { DeadLettersService } from './dead-letters.service';

@Controller()
export class DeadLettersController {
  constructor(private readonly letters: DeadLettersService) {}

  @Route(listDeadLetters)
  async list(
    @CurrentCaller() caller: Caller,
    @Input() { query }: RouteInput<typeof listDeadLetters>,
  ): Promise<{ deadLetters: DeadLetter[]; nextCursor: string | null }> {
    const { cursor: after, ...wanted } = query;
    const page = await this.letters.page(caller, { ...wanted, after });
    return { deadLetters: [...page.deadLetters], nextCursor: page.next && cursorOf(page.next) };
  }

  @Route(replayDeadLetters)
  async replay(
    @CurrentCaller() caller: Caller,
    @Input() { body }: RouteInput<typeof replayDeadLetters>,
  ): Promise<{ replayed: number }> {
    return { replayed: await this.letters.replay(caller, body) };
  }

  @Route(replayDeadLetter)
  async replayOne(
    @CurrentCaller() caller: Caller,
    @Input() { params }: RouteInput<typeof replayDeadLetter>,
    @Req() request: HubRequest,
  ): Promise<{ replayed: number }> {
    await this.letters.replayOne(caller, params['id'] ?? '', request.ip);
    return { replayed: 1 };
  }
}

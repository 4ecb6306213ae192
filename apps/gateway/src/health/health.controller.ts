import { HubDatabase } from '@hub/database';
import { Controller, Res, type BeforeApplicationShutdown } from '@nestjs/common';
import type { HubReply } from '../http/hub-request';
import { Route } from '../http/route.decorator';
import { live, ready } from './health.routes';

/** So long an answer of the database is told to whoever asks. */
const KEPT_MS = 1_000;

@Controller()
export class HealthController implements BeforeApplicationShutdown {
  private draining = false;
  private asked: Promise<boolean> | undefined;

  constructor(private readonly database: HubDatabase) {}

  @Route(live)
  live(): { status: string } {
    return { status: 'live' };
  }

  @Route(ready)
  async ready(@Res({ passthrough: true }) reply: HubReply): Promise<{ status: string }> {
    if (!this.draining && (await this.databaseAnswers())) return { status: 'ready' };
    void reply.status(503);
    return { status: this.draining ? 'draining' : 'database_unavailable' };
  }

  /** Anybody may ask, as often as he likes: the database is asked once a second at most, by one connection. */
  private databaseAnswers(): Promise<boolean> {
    this.asked ??= this.askDatabase().finally(() => setTimeout(() => (this.asked = undefined), KEPT_MS).unref());
    return this.asked;
  }

  private askDatabase(): Promise<boolean> {
    return this.database
      .asSystem('readiness', (manager) => manager.query('select 1'))
      .then(
        () => true,
        () => false, // the answer itself tells it
      );
  }

  beforeApplicationShutdown(): void {
    this.draining = true;
  }
}

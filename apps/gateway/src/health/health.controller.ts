import { HubDatabase } from '@hub/database';
import { Controller, Res, type BeforeApplicationShutdown } from '@nestjs/common';
import type { HubReply } from '../http/hub-request';
import { Route } from '../http/route.decorator';
import { live, ready } from './health.routes';

@Controller()
export class HealthController implements BeforeApplicationShutdown {
  private draining = false;

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

  private async databaseAnswers(): Promise<boolean> {
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

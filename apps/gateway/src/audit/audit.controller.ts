import { AuditRepository } from '@hub/database';
import { HubError } from '@hub/domain';
import { ProviderRegistry } from '@hub/providers';
import { Controller } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import type { RouteInput } from '../http/route';
import { CurrentCaller, Input, Route } from '../http/route.decorator';
import { listAudit } from './audit.routes';
import { TrailReadingService, type ShownLine } from './trail-reading.service';

@Controller()
export class AuditController {
  constructor(
    private readonly audit: AuditRepository,
    private readonly reading: TrailReadingService,
    private readonly providers: ProviderRegistry,
  ) {}

  @Route(listAudit)
  async list(
    @CurrentCaller() caller: Caller,
    @Input() { query }: RouteInput<typeof listAudit>,
  ): Promise<{ events: ShownLine[]; nextCursor: string | null }> {
    const { cursor, limit, provider } = query;
    if (provider !== undefined && !this.providers.find(provider))
      throw new HubError('unknown_provider', 'The hub knows no provider of this name.');
    const page = await this.audit.page(caller.orgId, { before: cursor, limit, provider });
    const events = await this.reading.shown(caller.orgId, page.events);
    return { events, nextCursor: page.nextCursor === null ? null : String(page.nextCursor) };
  }
}

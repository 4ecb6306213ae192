import { AuditRepository, type AuditLine } from '@hub/database';
import { HubError } from '@hub/domain';
import { ProviderRegistry } from '@hub/providers';
import { Controller } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import type { RouteInput } from '../http/route';
import { CurrentCaller, Input, Route } from '../http/route.decorator';
import { listAudit } from './audit.routes';

@Controller()
export class AuditController {
  constructor(
    private readonly audit: AuditRepository,
    private readonly providers: ProviderRegistry,
  ) {}

  @Route(listAudit)
  async list(
    @CurrentCaller() caller: Caller,
    @Input() { query }: RouteInput<typeof listAudit>,
  ): Promise<{ events: AuditLine[]; nextCursor: string | null }> {
    const { cursor, limit, provider } = query;
    if (provider !== undefined && !this.providers.find(provider))
      throw new HubError('unknown_provider', 'The hub knows no provider of this name.');
    const page = await this.audit.page(caller.orgId, { before: cursor, limit, provider });
    return { events: [...page.events], nextCursor: page.nextCursor === null ? null : String(page.nextCursor) };
  }
}

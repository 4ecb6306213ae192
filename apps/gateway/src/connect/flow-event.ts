import type { AuditEntry, EventName, Flow } from '@hub/domain';

/** What the trail tells of a flow; whoever started it is the one who acts, unless somebody else is named. */
export function flowEvent(
  flow: Pick<Flow, 'id' | 'provider' | 'startedBy'>,
  name: EventName,
  detail: Readonly<Record<string, unknown>> = {},
  sub: string = flow.startedBy,
): AuditEntry {
  return {
    name,
    provider: flow.provider,
    integrationId: null,
    actor: { type: 'user', id: sub },
    detail: { ...detail, flow: flow.id },
  };
}

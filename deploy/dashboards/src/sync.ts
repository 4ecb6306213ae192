import { CHOSEN, largest, metric, perSecond, quantile, type DashboardSpec } from './panel';

const runs = perSecond('hub_provider', `${metric('syncRunDuration')}_count{${CHOSEN}}`);

export const sync: DashboardSpec = {
  name: 'hub-sync',
  title: 'Integrations Hub: sync and deliveries',
  description: 'How old metadata is, how syncs and deliveries go, and what ran out of tries.',
  byProvider: true,
  rows: [
    {
      title: 'Metadata',
      panels: [
        {
          title: 'Overdue',
          description:
            'Integrations whose last sync is older than two intervals. SyncStale makes a ticket after 15 minutes.',
          kind: 'line',
          unit: 'short',
          badFrom: 1,
          queries: [{ expr: largest('hub_provider', 'syncOverdue', CHOSEN), legend: '{{hub_provider}}' }],
        },
        {
          title: 'Longest time since a sync',
          description: 'The age of the metadata that is oldest.',
          kind: 'line',
          unit: 's',
          queries: [{ expr: largest('hub_provider', 'syncStaleness', CHOSEN), legend: '{{hub_provider}}' }],
        },
        {
          title: 'From due to committed, 95 of 100',
          description: 'The latency of a sync: from the moment that it was due to its commit.',
          kind: 'line',
          unit: 's',
          queries: [{ expr: quantile(0.95, 'syncLatency', 'hub_provider', CHOSEN), legend: '{{hub_provider}}' }],
        },
        {
          title: 'Time of a run, 95 of 100',
          description: 'How long one run of a sync takes.',
          kind: 'line',
          unit: 's',
          queries: [{ expr: quantile(0.95, 'syncRunDuration', 'hub_provider', CHOSEN), legend: '{{hub_provider}}' }],
        },
        {
          title: 'Runs',
          description: 'Runs of syncs by outcome, and by the error of those that failed.',
          kind: 'line',
          unit: 'ops',
          queries: [
            {
              expr: perSecond('hub_provider, hub_outcome, error_type', `${metric('syncRunDuration')}_count{${CHOSEN}}`),
              legend: '{{hub_provider}} {{hub_outcome}} {{error_type}}',
            },
          ],
        },
        {
          title: 'Error rate',
          description: 'Share of the runs that failed. SyncErrorRate makes a ticket above a tenth.',
          kind: 'line',
          unit: 'percentunit',
          badFrom: 0.1,
          queries: [
            {
              expr:
                // where nothing fails there is no series of it, and the share is 0
                `(${perSecond('hub_provider', `${metric('syncRunDuration')}_count{hub_outcome="failed", ${CHOSEN}}`)} or ` +
                `0 * ${runs}) / ${runs}`,
              legend: '{{hub_provider}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Deliveries',
      panels: [
        {
          title: 'Sends',
          description:
            'Sends to webhooks, by what came of them. A dead letter needs a replay, a hook that is gone a new URL.',
          kind: 'line',
          unit: 'ops',
          queries: [
            {
              expr: perSecond('hub_provider, hub_outcome', `${metric('deliveryAttempts')}{${CHOSEN}}`),
              legend: '{{hub_provider}} {{hub_outcome}}',
            },
          ],
        },
        {
          title: 'From event to delivery, 95 of 100',
          description: 'How long after an event its receiver had taken it, tries and waits included.',
          kind: 'line',
          unit: 's',
          queries: [{ expr: quantile(0.95, 'deliveryLatency', 'hub_provider', CHOSEN), legend: '{{hub_provider}}' }],
        },
        {
          title: 'Waiting',
          description: 'Deliveries that are pending: for their turn or hour, behind an open circuit, or for a new URL.',
          kind: 'line',
          unit: 'short',
          queries: [{ expr: largest('hub_reason', 'deliveriesWaiting'), legend: '{{hub_reason}}' }],
        },
        {
          title: 'Open circuits',
          description:
            'Receivers that failed five times in a row, to which only trials are sent. One of many is theirs; all are ours.',
          kind: 'line',
          unit: 'short',
          queries: [{ expr: `max(${metric('deliveryCircuitsOpen')})`, legend: 'receivers' }],
        },
        {
          title: 'Held back',
          description:
            'Receivers for which the hub’s own events wait in the trail, and providers that are not believed to have lost so many hooks. Both are none.',
          kind: 'line',
          unit: 'short',
          queries: [
            { expr: `max(${metric('deliveryOutboxesFull')})`, legend: 'full outboxes' },
            { expr: `max(${metric('deliveryHolds')})`, legend: 'providers not believed' },
          ],
        },
      ],
    },
    {
      title: 'Out of tries',
      panels: [
        {
          title: 'Dead letters',
          description: 'Jobs that ran out of tries and were not replayed.',
          kind: 'line',
          unit: 'short',
          queries: [{ expr: largest('hub_kind', 'deadLetters'), legend: '{{hub_kind}}' }],
        },
      ],
    },
  ],
};

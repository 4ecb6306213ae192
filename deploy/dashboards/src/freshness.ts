import { CHOSEN, largest, metric, perSecond, quantile, type DashboardSpec } from './panel';

export const freshness: DashboardSpec = {
  name: 'hub-freshness',
  title: 'Integrations Hub: token freshness',
  description: 'How close any token comes to its end, and who fails to refresh.',
  byProvider: true,
  rows: [
    {
      title: 'How close',
      panels: [
        {
          title: 'Life of the token that ends next',
          description: 'The shortest remaining life of any connected token; negative once it has ended.',
          kind: 'line',
          unit: 's',
          badFrom: 0,
          badBelow: true,
          queries: [
            {
              expr: `min by (hub_provider) (${metric('expiryMinRemaining')}{${CHOSEN}})`,
              legend: '{{hub_provider}}',
            },
          ],
        },
        {
          title: 'Refresh window gone by',
          description:
            'The largest part of the time between due and end that has passed for any token. RefreshWindowElapsed pages above 60 %.',
          kind: 'line',
          unit: 'percentunit',
          badFrom: 0.6,
          queries: [{ expr: largest('hub_provider', 'windowElapsed', CHOSEN), legend: '{{hub_provider}}' }],
        },
        {
          title: 'Life left at the refresh',
          description:
            'What the old token had left when the new one was stored: half of the refreshes have more, one in twenty has less than the lower line.',
          kind: 'line',
          unit: 's',
          queries: [
            { expr: quantile(0.5, 'refreshLeadTime', '', CHOSEN), legend: 'half' },
            { expr: quantile(0.05, 'refreshLeadTime', '', CHOSEN), legend: 'one in twenty' },
          ],
        },
        {
          title: 'Lapsed',
          description: 'Connected integrations without a valid token. Must be 0.',
          kind: 'line',
          unit: 'short',
          badFrom: 1,
          queries: [{ expr: largest('hub_provider', 'lapsed', CHOSEN), legend: '{{hub_provider}}' }],
        },
        {
          title: 'Seconds without a token',
          description: 'Seconds of lapse that ended, for each second; what lasts still shows under Lapsed.',
          kind: 'line',
          unit: 'short',
          queries: [
            { expr: perSecond('hub_provider', `${metric('lapseDuration')}{${CHOSEN}}`), legend: '{{hub_provider}}' },
          ],
        },
      ],
    },
    {
      title: 'Who fails',
      panels: [
        {
          title: 'Failures in a row',
          description: 'Integrations by the number of their failed refreshes in a row. `gt3` pages.',
          kind: 'line',
          unit: 'short',
          queries: [
            {
              expr: `sum by (hub_streak) (${largest('hub_provider, hub_streak', 'refreshStreak', CHOSEN)})`,
              legend: '{{hub_streak}}',
            },
          ],
        },
        {
          title: 'Victims',
          description:
            'The hundred integrations with most failures in a row, more than three each. The org and id lead to `npm run hub`.',
          kind: 'table',
          unit: 'short',
          queries: [
            {
              expr: largest('hub_provider, hub_org_id, hub_integration_id', 'failingStreak', CHOSEN),
              legend: '{{hub_provider}} {{hub_org_id}} {{hub_integration_id}}',
            },
          ],
        },
        {
          title: 'Tokens that fell due',
          description: 'By how it ended: in time, after their end, never since a person is needed, given up.',
          kind: 'line',
          unit: 'ops',
          queries: [
            { expr: perSecond('hub_outcome', `${metric('refreshCycles')}{${CHOSEN}}`), legend: '{{hub_outcome}}' },
          ],
        },
        {
          title: 'Refreshes of unknown outcome',
          description:
            'Refreshes that brought no usable answer: where refresh tokens rotate, the old one may be spent.',
          kind: 'line',
          unit: 'ops',
          queries: [
            { expr: perSecond('hub_provider', `${metric('indeterminate')}{${CHOSEN}}`), legend: '{{hub_provider}}' },
          ],
        },
        {
          title: 'Leases',
          description:
            'Wishes to refresh by what became of the lease. `lost` and `stale_write_rejected` tell of workers that were too slow.',
          kind: 'line',
          unit: 'ops',
          queries: [{ expr: perSecond('hub_outcome', metric('refreshLease')), legend: '{{hub_outcome}}' }],
        },
      ],
    },
  ],
};

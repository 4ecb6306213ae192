import { CHOSEN, largest, metric, perSecond, quantile, type DashboardSpec } from './panel';

const cycles = metric('refreshCycles');

export const overview: DashboardSpec = {
  name: 'hub-overview',
  title: 'Integrations Hub: overview and objectives',
  description: 'Whether every connected integration has a valid token, and what is left of the error budgets.',
  byProvider: true,
  rows: [
    {
      title: 'Now',
      panels: [
        {
          title: 'Without a valid token',
          description: 'Connected integrations whose access token has ended and that no person has to mend. Must be 0.',
          kind: 'number',
          unit: 'short',
          badFrom: 1,
          queries: [{ expr: `sum(${largest('hub_provider', 'lapsed', CHOSEN)})`, legend: 'lapsed' }],
        },
        {
          title: 'More than three failures in a row',
          description: 'Integrations whose last four refreshes or more have all failed.',
          kind: 'number',
          unit: 'short',
          badFrom: 1,
          queries: [
            {
              expr: `sum(${largest('hub_provider', 'refreshStreak', `hub_streak="gt3", ${CHOSEN}`)})`,
              legend: 'failing',
            },
          ],
        },
        {
          title: 'Integrations',
          description: 'Integrations by status. Those in reauth_required wait for their users.',
          kind: 'number',
          unit: 'short',
          queries: [
            {
              expr: `sum by (hub_status) (${largest('hub_provider, hub_status', 'integrations', CHOSEN)})`,
              legend: '{{hub_status}}',
            },
          ],
        },
        {
          title: 'Alerts that fire',
          description: 'Alerts by name and severity; Watchdog always fires.',
          kind: 'table',
          unit: 'short',
          queries: [
            {
              expr: 'count by (alertname, severity) (ALERTS{alertstate="firing"})',
              legend: '{{alertname}} {{severity}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Objectives',
      panels: [
        {
          title: 'Budget left over three days',
          description:
            'What is left of the error budget if the last three days are all there is; below 0 the objective is missed.',
          kind: 'line',
          unit: 'percentunit',
          badFrom: 0,
          badBelow: true,
          queries: [
            { expr: '1 - hub:slo_errors:ratio_rate3d / on (slo) hub:slo_error_budget:ratio', legend: '{{slo}}' },
          ],
        },
        {
          title: 'Burn rate over an hour',
          description:
            'How many times faster than allowed the budget is used. At 14.4 the hour pages, at 6 the six hours.',
          kind: 'line',
          unit: 'short',
          badFrom: 14.4,
          queries: [{ expr: 'hub:slo_errors:ratio_rate1h / on (slo) hub:slo_error_budget:ratio', legend: '{{slo}}' }],
        },
        {
          title: 'Refreshes in time',
          description:
            'Share of the tokens that fell due and were refreshed before their end; those that need a person do not count.',
          kind: 'line',
          unit: 'percentunit',
          badFrom: 0.995,
          badBelow: true,
          queries: [
            {
              expr:
                `${perSecond('hub_provider', `${cycles}{hub_outcome="refreshed", ${CHOSEN}}`)} / ` +
                `(${perSecond('hub_provider', `${cycles}{hub_outcome!="reauth_required", ${CHOSEN}}`)} > 0)`,
              legend: '{{hub_provider}}',
            },
          ],
        },
        {
          title: 'Token reads, time',
          description: 'How long product services wait for a token. The objective is 100 ms for 99 of 100 reads.',
          kind: 'line',
          unit: 's',
          badFrom: 0.1,
          queries: [
            { expr: quantile(0.99, 'tokenReadDuration', ''), legend: '99 of 100' },
            { expr: quantile(0.5, 'tokenReadDuration', ''), legend: 'half' },
          ],
        },
        {
          title: 'Token reads, outcomes',
          description: 'Reads by what was answered; `error` is the share that the objective counts.',
          kind: 'line',
          unit: 'ops',
          queries: [
            { expr: perSecond('hub_outcome', `${metric('tokenReadDuration')}_count`), legend: '{{hub_outcome}}' },
          ],
        },
        {
          title: 'Callbacks',
          description: 'Callbacks and completions of connects, by what came of them.',
          kind: 'line',
          unit: 'ops',
          queries: [
            {
              expr: perSecond('hub_outcome', `${metric('flowCallbacks')}{${CHOSEN}}`),
              legend: '{{hub_outcome}}',
            },
          ],
        },
      ],
    },
  ],
};

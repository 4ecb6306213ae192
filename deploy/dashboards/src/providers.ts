import { CHOSEN, largest, metric, perSecond, quantile, type DashboardSpec } from './panel';

const exchanges = `${metric('exchangeDuration')}_count`;
const proxied = `${metric('proxyDuration')}_count`;

export const providers: DashboardSpec = {
  name: 'hub-providers',
  title: 'Integrations Hub: providers',
  description: 'What providers answer, how fast, and how connects go.',
  byProvider: true,
  rows: [
    {
      title: 'Token endpoints',
      panels: [
        {
          title: 'Calls',
          description:
            'Calls of token endpoints by what came of them. Above half `retryable` for ten minutes is an outage.',
          kind: 'line',
          unit: 'ops',
          queries: [
            {
              expr: perSecond('hub_provider, hub_outcome', `${exchanges}{${CHOSEN}}`),
              legend: '{{hub_provider}} {{hub_outcome}}',
            },
          ],
        },
        {
          title: 'Errors',
          description: 'Calls that failed, by why. `invalid_client` is our own id or secret.',
          kind: 'line',
          unit: 'ops',
          queries: [
            {
              expr: perSecond('hub_provider, error_type', `${metric('oauthErrors')}{${CHOSEN}}`),
              legend: '{{hub_provider}} {{error_type}}',
            },
          ],
        },
        {
          title: 'Time of a call, 95 of 100',
          description: 'How long token endpoints take. After 15 s a call is given up.',
          kind: 'line',
          unit: 's',
          badFrom: 15,
          queries: [{ expr: quantile(0.95, 'exchangeDuration', 'hub_provider', CHOSEN), legend: '{{hub_provider}}' }],
        },
        {
          title: 'Time of a call, half',
          description: 'The usual time of a call of the token endpoint.',
          kind: 'line',
          unit: 's',
          queries: [{ expr: quantile(0.5, 'exchangeDuration', 'hub_provider', CHOSEN), legend: '{{hub_provider}}' }],
        },
        {
          title: 'Throttled',
          description: 'Calls that a provider answered with 429. Each halves our pace.',
          kind: 'line',
          unit: 'ops',
          queries: [
            { expr: perSecond('hub_provider', `${metric('throttled')}{${CHOSEN}}`), legend: '{{hub_provider}}' },
          ],
        },
        {
          title: 'Breaker',
          description: '1 while the breaker before a provider stands open in any worker.',
          kind: 'line',
          unit: 'none',
          badFrom: 1,
          queries: [
            {
              expr: largest('hub_provider', 'circuitState', `hub_state="open", ${CHOSEN}`),
              legend: '{{hub_provider}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Connects and grants',
      panels: [
        {
          title: 'Connects begun',
          description: 'Connects that were begun, and callbacks that ended connected.',
          kind: 'line',
          unit: 'ops',
          queries: [
            {
              expr: perSecond('hub_provider', `${metric('flowStarts')}{${CHOSEN}}`),
              legend: '{{hub_provider}} begun',
            },
            {
              expr: perSecond('hub_provider', `${metric('flowCallbacks')}{hub_outcome="connected", ${CHOSEN}}`),
              legend: '{{hub_provider}} connected',
            },
          ],
        },
        {
          title: 'Integrations by status',
          description: 'Stock of integrations of each provider.',
          kind: 'line',
          unit: 'short',
          queries: [
            {
              expr: largest('hub_provider, hub_status', 'integrations', CHOSEN),
              legend: '{{hub_provider}} {{hub_status}}',
            },
          ],
        },
        {
          title: 'Oldest grant to give back',
          description: 'Age of the oldest grant whose revocation is still to be done.',
          kind: 'line',
          unit: 's',
          queries: [{ expr: largest('hub_provider', 'revocationOldestAge', CHOSEN), legend: '{{hub_provider}}' }],
        },
      ],
    },
    {
      title: 'Calls through the proxy',
      panels: [
        {
          title: 'Calls',
          description:
            'Calls of providers’ APIs by what came of them. `unauthorized` is a 401 that no refresh has mended, `problem` an answer of the hub’s own, `cut` one that ended before its end.',
          kind: 'line',
          unit: 'ops',
          queries: [
            {
              expr: perSecond('hub_provider, hub_outcome', `${proxied}{${CHOSEN}}`),
              legend: '{{hub_provider}} {{hub_outcome}}',
            },
          ],
        },
        {
          title: 'Time of a call, 95 of 100',
          description: 'From its arrival to the last byte of its answer. Long bodies and slow readers take long.',
          kind: 'line',
          unit: 's',
          queries: [{ expr: quantile(0.95, 'proxyDuration', 'hub_provider', CHOSEN), legend: '{{hub_provider}}' }],
        },
      ],
    },
  ],
};

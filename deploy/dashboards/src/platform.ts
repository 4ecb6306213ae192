import { largest, metric, perSecond, quantile, type DashboardSpec } from './panel';

const REQUESTS = 'http_server_request_duration_seconds';

export const platform: DashboardSpec = {
  name: 'hub-platform',
  title: 'Integrations Hub: platform and security',
  description: 'Requests, processes, connections, keys and the audit trail.',
  byProvider: false,
  rows: [
    {
      title: 'Requests and processes',
      panels: [
        {
          title: 'Requests',
          description: 'Requests of each app by status code; health checks are not told of.',
          kind: 'line',
          unit: 'ops',
          queries: [
            {
              expr: perSecond('service_name, http_response_status_code', `${REQUESTS}_count`),
              legend: '{{service_name}} {{http_response_status_code}}',
            },
          ],
        },
        {
          title: 'Time of a request, 95 of 100',
          description: 'How long requests take. A refresh that a caller waits for takes as long as its provider.',
          kind: 'line',
          unit: 's',
          queries: [
            {
              expr: `histogram_quantile(0.95, ${perSecond('service_name, le', `${REQUESTS}_bucket`)})`,
              legend: '{{service_name}}',
            },
          ],
        },
        {
          title: 'Event loop, 99 of 100',
          description: 'How late turns of the event loop come. EventLoopLag makes a ticket above half a second.',
          kind: 'line',
          unit: 's',
          badFrom: 0.5,
          queries: [{ expr: 'max by (service_name) (nodejs_eventloop_delay_p99_seconds)', legend: '{{service_name}}' }],
        },
        {
          title: 'Event loop in use',
          description: 'Share of the time in which the busiest process of an app computes.',
          kind: 'line',
          unit: 'percentunit',
          badFrom: 0.9,
          queries: [{ expr: 'max by (service_name) (nodejs_eventloop_utilization_ratio)', legend: '{{service_name}}' }],
        },
        {
          title: 'Heap',
          description: 'Memory of V8 in use by the largest process of an app.',
          kind: 'line',
          unit: 'bytes',
          queries: [
            {
              expr: 'max by (service_name) (sum by (service_name, service_instance_id) (v8js_memory_heap_used_bytes))',
              legend: '{{service_name}}',
            },
          ],
        },
        {
          title: 'Connections to PostgreSQL',
          description: 'Connections by state.',
          kind: 'line',
          unit: 'short',
          queries: [
            {
              expr: 'sum by (service_name, db_client_connection_state) (db_client_connection_count)',
              legend: '{{service_name}} {{db_client_connection_state}}',
            },
          ],
        },
        {
          title: 'Waiting for a connection',
          description:
            'Requests that wait for a connection of their pool. DbPoolExhausted makes a ticket after five minutes.',
          kind: 'line',
          unit: 'short',
          badFrom: 1,
          queries: [
            { expr: 'max by (service_name) (db_client_connection_pending_requests)', legend: '{{service_name}}' },
          ],
        },
      ],
    },
    {
      title: 'Live status',
      panels: [
        {
          title: 'Sockets',
          description: 'Sockets of live status that all gateways together hold open.',
          kind: 'line',
          unit: 'short',
          queries: [{ expr: `sum(${metric('liveSockets')})`, legend: 'open' }],
        },
        {
          title: 'From event to socket, 99 of 100',
          description:
            'How long it takes until an event is sent to those who follow its org. More than a second means that gateways read late.',
          kind: 'line',
          unit: 's',
          badFrom: 1,
          queries: [{ expr: quantile(0.99, 'liveDelay', ''), legend: 'delay' }],
        },
        {
          title: 'Sockets that ended',
          description: 'Sockets that ended, by close code. Many of 4408 mean that clients cannot keep up.',
          kind: 'line',
          unit: 'ops',
          queries: [{ expr: perSecond('hub_close_code', metric('liveClosed')), legend: '{{hub_close_code}}' }],
        },
      ],
    },
    {
      title: 'Security',
      panels: [
        {
          title: 'Requests that were refused',
          description: 'Requests that were refused for who sent them, by why.',
          kind: 'line',
          unit: 'ops',
          queries: [{ expr: perSecond('hub_reason', metric('denials')), legend: '{{hub_reason}}' }],
        },
        {
          title: 'Events of the audit trail',
          description: 'Events that were written, by name.',
          kind: 'line',
          unit: 'ops',
          queries: [{ expr: perSecond('hub_name', metric('auditRecords')), legend: '{{hub_name}}' }],
        },
        {
          title: 'Events that were not written',
          description: 'Must be 0: what they tell of was not done.',
          kind: 'line',
          unit: 'ops',
          queries: [{ expr: perSecond('service_name', metric('auditWriteFailures')), legend: '{{service_name}}' }],
        },
        {
          title: 'Seals that fail',
          description: 'Sealed values that did not open, and keys that could not be had. Must be 0.',
          kind: 'line',
          unit: 'ops',
          queries: [{ expr: perSecond('hub_operation', metric('cryptoFailures')), legend: '{{hub_operation}}' }],
        },
        {
          title: 'Key rotations to finish',
          description:
            'Orgs whose key rotation is not finished, by how far it is. What stays the same for a day is stuck.',
          kind: 'line',
          unit: 'short',
          queries: [{ expr: largest('hub_state', 'keyRotationRemaining'), legend: '{{hub_state}}' }],
        },
        {
          title: 'Time of a seal, 99 of 100',
          description: 'One seal or opening with the key that it needs. Seconds mean that the key provider is slow.',
          kind: 'line',
          unit: 's',
          queries: [{ expr: quantile(0.99, 'cryptoDuration', 'hub_operation'), legend: '{{hub_operation}}' }],
        },
      ],
    },
  ],
};

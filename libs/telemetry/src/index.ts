export { HealthServer, type Readiness } from './health-server';
export { HubLogger, type LogFields } from './logger';
export { TelemetryModule } from './telemetry.module';

import { startTelemetry } from '@hub/telemetry';

// main.ts imports this first: what is loaded before it is not instrumented
startTelemetry('delivery-worker', process.env);

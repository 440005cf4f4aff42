/** Triggers for CloudFormation: what an event source of the CDK app asks for is created, changed and deleted here. */
import { createBrokerBackend } from './support/broker-backend.ts';
import { customResourceHandler } from './support/custom-resource.ts';
import { registerTrigger } from './support/register-trigger.ts';

const backend = createBrokerBackend('millrace-trigger-registrar');

export const handler = customResourceHandler(backend, (event) => registerTrigger(backend.broker, event));

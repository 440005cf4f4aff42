/** Events and answers in the form of Lambda's source mappings for Kafka, of which handlers and their libraries know. */
import { compileFilters } from '../../coordination/triggers/filter/compile-filters.ts';
import { assert } from '../../kernel/assert.ts';
import type { EventFormat } from '../ports.ts';
import { readResponse } from './read-response.ts';
import { type EventOrigin, envelopeBytes, recordBytes, renderEvent } from './render-event.ts';

export function createKafkaEventFormat(origin: EventOrigin): EventFormat {
  return {
    filterOf: (trigger) => {
      const filters = compileFilters(trigger.filters);
      // Whoever makes or changes a trigger has them compiled first.
      assert(filters.result === 'filters', `the trigger ${trigger.name} has filters that cannot be read`);
      return filters.passes;
    },
    envelopeBytes: (batch) => envelopeBytes(batch, origin),
    recordBytes,
    render: (batch) => renderEvent(batch, origin),
    read: readResponse,
  };
}

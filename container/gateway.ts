/** What the container of the Kafka gateway runs, as one file: `millrace gateway`, told by its environment. */
import { run } from '../lib/local/gateway/process.ts';

await run(process.argv.slice(2));

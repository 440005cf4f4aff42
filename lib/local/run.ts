/** The process of the local server. */
import { helpText } from './flags.ts';
import { parseCommand } from './options.ts';
import { runService } from './service-process.ts';

export async function run(): Promise<void> {
  await runService(
    {
      parse: parseCommand,
      help: helpText,
      start: async (options, context) => {
        // Loaded only now: help and refusals should not wait for it.
        const { startServer } = await import('./server.ts');
        const server = await startServer(options, context);
        const { url, kafka } = server;
        return { addresses: `http=${url}${kafka === undefined ? '' : ` kafka=${kafka}`}`, close: () => server.close() };
      },
    },
    process.argv.slice(2),
  );
}

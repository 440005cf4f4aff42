/** The process of `millrace gateway`, once it is known that Node is new enough. */
import { runService } from '../service-process.ts';
import { gatewayHelp, parseGatewayCommand } from './options.ts';

export async function run(args: readonly string[]): Promise<void> {
  await runService(
    {
      parse: parseGatewayCommand,
      help: gatewayHelp,
      start: async (options, context) => {
        // Loaded only now: help and refusals should not wait for it.
        const { startGateway } = await import('./start-gateway.ts');
        const gateway = await startGateway(options, context);
        return { addresses: `kafka=${gateway.address}`, close: () => gateway.close() };
      },
    },
    args,
  );
}

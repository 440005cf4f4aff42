/**
 * The CDK app: one stack a tenant, side by side, none knowing of another. `cdk synth` builds the Lambda bundles and
 * needs neither network nor Docker nor an account; cdk-nag's AwsSolutions rules fail it.
 */
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { tenantsFromContext } from './app-context.ts';
import { OptionError } from './option-error.ts';
import { stackName } from './tenant-name.ts';
import { TenantStack } from './tenant-stack.ts';

function main(): void {
  const app = new App();
  for (const { name, options } of tenantsFromContext(app.node.getAllContext())) {
    new TenantStack(app, stackName(name), { tenant: name, ...options });
  }
  Validations.of(app).addPlugins(new AwsSolutionsChecks());
  app.synth();
}

try {
  main();
} catch (error) {
  if (!(error instanceof OptionError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

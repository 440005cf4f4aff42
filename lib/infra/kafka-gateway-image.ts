/**
 * What the gateway's container is made from: the directory that the package ships, or one that `cdk synth` makes from
 * the sources.
 */
import { cpSync, existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FileSystem, Stack } from 'aws-cdk-lib';
import { Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage, CpuArchitecture } from 'aws-cdk-lib/aws-ecs';
import type { Construct } from 'constructs';
import { BUNDLE_FILE, bundleLambda } from './bundling.ts';

/** Synthesis needs no Docker; deployment does, since CDK builds and pushes the image then. */
export function kafkaGatewayImage(scope: Construct, architecture = CpuArchitecture.ARM64): ContainerImage {
  const platform = architecture === CpuArchitecture.X86_64 ? Platform.LINUX_AMD64 : Platform.LINUX_ARM64;
  return ContainerImage.fromAsset(imageDirectory(scope), { platform });
}

function imageDirectory(scope: Construct): string {
  const prebuilt = resolve(import.meta.dirname, '../container');
  if (existsSync(join(prebuilt, BUNDLE_FILE))) return prebuilt;
  const sources = resolve(import.meta.dirname, '../../container');
  // Of a stack that is not deployed now, CDK asks for no bundles.
  if (!Stack.of(scope).bundlingRequired) return sources;
  return makeImageDirectory(sources, FileSystem.mkdtemp('millrace-gateway-'));
}

/** The build file, and the program as one file. */
export function makeImageDirectory(sources: string, outDir: string): string {
  bundleLambda(join(sources, 'gateway.ts'), outDir);
  cpSync(join(sources, 'Dockerfile'), join(outDir, 'Dockerfile'));
  return outDir;
}

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { type CfnFunction } from 'aws-cdk-lib/aws-sam';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { Construct } from 'constructs';

import { type OutputName, PARAMETERS, type Parameters } from './parameters';

export { type OutputName, type Parameters } from './parameters';

/** What the stack is made of. */
export interface AddonRotationProps extends Parameters {
  /** The directory with the functions' zips and their template: a release's, or target/package. */
  readonly packageDirectory: string;
}

/**
 * The stack of infra/template.yaml, with all its roles as the template has them. Names begin with the stack's name, and
 * ids are the template's: one a stack.
 */
export class AddonRotation extends Construct {
  /** The template's resources, by the template's ids. */
  public readonly template: CfnInclude;

  public constructor(scope: Construct, id: string, props: AddonRotationProps) {
    super(scope, id);
    const templateFile = join(props.packageDirectory, 'template.yaml');
    const parameters: Record<string, string | string[]> = {};
    for (const name of Object.keys(PARAMETERS) as (keyof Parameters)[]) {
      const value = props[name];
      if (value !== undefined) {
        // A variable of a function is a text, whatever the parameter is.
        parameters[PARAMETERS[name]] = Array.isArray(value) ? [...value] : String(value);
      }
    }
    this.template = new CfnInclude(this, 'Template', { templateFile, parameters });
    for (const [resource, zip] of zips(readFileSync(templateFile, 'utf8'))) {
      const asset = new Asset(this, `${resource}Zip`, { path: join(props.packageDirectory, zip) });
      const code = this.template.getResource(resource) as CfnFunction;
      code.codeUri = { bucket: asset.s3BucketName, key: asset.s3ObjectKey };
    }
  }

  /** The value of one of the template's outputs. */
  public output(name: OutputName): string {
    return this.template.getOutput(name).value as string;
  }
}

/** The functions of a template that `cargo xtask package` wrote, each with its zip. */
function zips(template: string): [string, string][] {
  const found: [string, string][] = [];
  let resource = '';
  for (const line of template.split('\n')) {
    resource = /^ {2}(\w+):/.exec(line)?.[1] ?? resource;
    const zip = /^ {6}CodeUri: (\S+\.zip)/.exec(line)?.[1];
    if (zip !== undefined) {
      found.push([resource, basename(zip)]);
    }
  }
  if (found.length === 0) {
    throw new Error('The template names no zip. → Use the one that `cargo xtask package` writes beside the zips.');
  }
  return found;
}

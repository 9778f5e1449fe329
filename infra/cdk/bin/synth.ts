// What `cargo xtask infra --check` compares with the template: synth.js PACKAGE_DIRECTORY OUTPUT PARAMETERS
import { App, DefaultStackSynthesizer, Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';

import { AddonRotation, type Parameters } from '../lib/index';
import { acknowledgeFindings } from '../lib/nag';

const [packageDirectory = '', outdir = '', properties = '{}'] = process.argv.slice(2);
const parameters = JSON.parse(properties) as Parameters;
const app = new App({ outdir, analyticsReporting: false });
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
const stack = new Stack(app, 'some-stack', {
  synthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }),
});
new AddonRotation(stack, 'Rotation', { packageDirectory, ...parameters });
acknowledgeFindings(stack, parameters);
app.synth();

import type { StepDescription } from '../ground-truth.ts'

/** The attack's steps, numbered as in Sysdig's account; 11 (in AWS only) is in neither source. */
export const SCARLETEEL_STEPS: readonly StepDescription[] = [
  { step: 1, title: 'A shell from the exposed JupyterLab' },
  { step: 2, title: 'Staged scripts over HTTP and /dev/tcp' },
  { step: 3, title: 'Tools installed into the running container' },
  { step: 4, title: 'Instance metadata asked for credentials' },
  { step: 5, title: 'Credentials collected from files and environments' },
  { step: 6, title: 'Loot sent out' },
  { step: 7, title: 'Traces removed' },
  { step: 8, title: 'Service account token used: enumeration, secrets, exec into another pod' },
  { step: 9, title: 'Stolen cloud keys used with another endpoint' },
  { step: 10, title: 'Pandora started' },
  { step: 12, title: 'Miner as containerd, in the notebook and from a Deployment' }
]

import { Command } from 'commander'
import { stringify } from 'yaml'
import { loadWeirSettings, type SettingsOptions, withSettings } from '../settings.ts'

/** Settings hold no secrets, only the names of files that do: all of them may be shown. */
export function configCommand(): Command {
  const check = withSettings(new Command('check'))
    .summary('say whether the settings are right')
    .action((options: SettingsOptions) => {
      loadWeirSettings(options)
      console.log('settings are right')
    })
  const print = withSettings(new Command('print'))
    .summary('print all settings with their defaults, as YAML')
    .action((options: SettingsOptions) => {
      console.log(stringify(loadWeirSettings(options), { lineWidth: 120 }).trimEnd())
    })
  return new Command('config').summary('check or print settings').addCommand(check).addCommand(print)
}

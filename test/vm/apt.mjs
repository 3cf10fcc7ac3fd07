// A private apt: other suites of this machine's own Debian mirror, its own settings left untouched.
// SPDX-License-Identifier: MIT
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { osRelease, Problem, run } from '../../scripts/lib.mjs'

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** One-line entries: deb [options] URI SUITE COMPONENT... */
function parseList(text) {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)/.exec(line)
    return match ? [{ uri: match[1], suite: match[2] }] : []
  })
}

/** Stanzas of fields; a field may hold several words, and go on in indented lines. */
function parseSources(text) {
  const plain = text.replaceAll(/^#.*\n?/gm, '').replaceAll(/\n[ \t]+/g, ' ')
  return plain.split(/\n\s*\n/).flatMap((stanza) => {
    const words = (name) => new RegExp(`^${name}:(.*)$`, 'im').exec(stanza)?.[1].trim().split(/\s+/) ?? []
    if (/^Enabled:\s*no/im.test(stanza) || !words('Types').includes('deb')) return []
    return words('URIs').flatMap((uri) => words('Suites').map((suite) => ({ uri, suite })))
  })
}

/** This machine's mirrors of Debian and of its security updates. */
function mirrors(etc = '/etc/apt') {
  const parts = join(etc, 'sources.list.d')
  const names = existsSync(parts) ? readdirSync(parts).sort() : []
  const files = [join(etc, 'sources.list'), ...names.map((name) => join(parts, name))].filter(existsSync)
  const entries = files.flatMap((file) => {
    if (file.endsWith('.sources')) return parseSources(readFileSync(file, 'utf8'))
    return file.endsWith('.list') ? parseList(readFileSync(file, 'utf8')) : []
  })
  const { ID, VERSION_CODENAME = 'sid', PRETTY_NAME = 'this system' } = osRelease()
  const wanted = [VERSION_CODENAME, 'stable', 'testing', 'unstable', 'sid']
  const main = ID === 'debian' && entries.find(({ suite }) => wanted.includes(suite))?.uri
  if (!main)
    throw new Problem(`the kernels of other suites need a Debian mirror; ${PRETTY_NAME} has none in ${etc}`)
  return { main, security: entries.find(({ suite }) => suite.endsWith('-security'))?.uri }
}

/** Prepares an apt in the folder `work` that knows `suites` only. Returns a function that runs its tools. */
export async function privateApt(work, suites) {
  const { main, security } = mirrors()
  if (!existsSync(keyring)) throw new Problem(`no ${keyring}: apt-get install debian-archive-keyring`)
  const sources = suites.flatMap((suite) => {
    const uri = suite.endsWith('-security') ? security : main
    return uri ? [`deb [target=Packages arch=amd64 signed-by=${keyring}] ${uri} ${suite} main`] : []
  })
  const at = (name) => join(work, name)
  for (const dir of ['state/lists/partial', 'cache/archives/partial']) mkdirSync(at(dir), { recursive: true })
  writeFileSync(at('sources.list'), `${sources.join('\n')}\n`)
  writeFileSync(at('status'), '')
  // The machine's own settings still hold (a proxy, say), but not its hooks: those would act on its own state.
  const settings = [
    ...['Pre-Invoke', 'Post-Invoke', 'Post-Invoke-Success'].map((hook) => `#clear APT::Update::${hook};`),
    `Dir::Etc::SourceList "${at('sources.list')}";`,
    'Dir::Etc::SourceParts "/dev/null";',
    'Dir::Etc::Preferences "/dev/null";',
    'Dir::Etc::PreferencesParts "/dev/null";',
    `Dir::State "${at('state')}";`,
    `Dir::State::status "${at('status')}";`,
    `Dir::Cache "${at('cache')}";`,
    'APT::Architecture "amd64";',
    'APT::Architectures { "amd64"; };',
    'APT::Sandbox::User "root";',
    'APT::Get::AllowUnauthenticated "false";',
    'APT::Update::Error-Mode "any";',
    'Acquire::Languages "none";',
  ]
  writeFileSync(at('apt.conf'), `${settings.join('\n')}\n`)
  const apt = async (tool, ...args) =>
    (await run(tool, ['-c', at('apt.conf'), ...args], { cwd: work })).toString()
  try {
    await apt('apt-get', 'update')
  } catch (error) {
    if (!/NO_PUBKEY|not signed|no valid OpenPGP/i.test(error.message)) throw error
    const advice = 'apt-get update && apt-get install --only-upgrade debian-archive-keyring'
    throw new Problem(
      `${error.message}\nthe installed archive keys do not know ${suites.join(', ')}: ${advice}`,
    )
  }
  return apt
}

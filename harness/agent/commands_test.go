//go:build linux

package agent

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The commands of our own, as documents use them. Every script runs in a
// directory of its own with a file "f" and a tree "d" in it.
func TestCommands(t *testing.T) {
	w := boot(t, newMachine(t))
	for _, tt := range []struct {
		script string
		code   int
		stdout string
		stderr string // a part of it
	}{
		{"cat f d/g", 0, "f\ng\n", ""},
		{"cat nothing f", 1, "f\n", "cat: open"},
		{"echo a | cat f -", 0, "f\na\n", ""},

		{"cp f c && cat c", 0, "f\n", ""},
		{"cp f d && cat d/f", 0, "f\n", ""},
		{"cp f nothing d; echo $?; cat d/f", 0, "1\nf\n", "nothing"},
		{"cp nothing f d; echo $?; cat d/f", 0, "1\nf\n", "nothing"},
		{"cp d e", 1, "", "-r was not given"},
		{"cp -r d e && cat e/g e/h/i && cp -r d e && cat e/d/g", 0, "g\ni\ng\n", ""},
		{"cp -a d e && cp -rT d e && ls e", 0, "g\nh\n", ""},
		{"cp -r d d/h/again", 1, "", "into itself"},
		{"cp f f", 1, "", "the same file"},
		{"cp f d g", 1, "", "not a directory"},
		{"chmod 600 f && cp -p f c && find c -perm 600", 0, "c\n", ""},
		{"cp -x f c", 2, "", "no option"},

		{"mv f m && cat m && ls", 0, "f\nd\nm\n", ""},
		{"mv f d && ls d", 0, "f\ng\nh\n", ""},
		{"mv d e && cat e/h/i", 0, "i\n", ""},
		{"mv f d nothing", 1, "", "not a directory"},
		{"mv nothing d", 1, "", "mv: rename"},
		{"echo 2 > f2; mv -n f f2; cat f2", 0, "2\n", ""},

		{"rm f && ls", 0, "d\n", ""},
		{"rm d", 1, "", "is a directory"},
		{"rm -f d", 1, "", "is a directory"},
		{"rm -rf d nothing && ls", 0, "f\n", ""},
		{"rm nothing", 1, "", "nothing"},
		{"rm -f nothing f/under", 0, "", ""},
		{"rm -rf / . ..", 1, "", "refused"},
		{"rm -rf d/* && ls d", 0, "", ""},

		{"mkdir f", 1, "", "exists"},
		{"mkdir -p f", 1, "", "not a directory"},
		{"mkdir a/b", 1, "", "no such file"},
		{"mkdir -p -m 700 a/b && find a -perm 700", 0, "a/b\n", ""},
		{"mkdir", 2, "", "mkdir [-p]"},

		{"tar -czf t.tgz d && tar -tf t.tgz && rm -rf d && tar xzf t.tgz && cat d/h/i", 0, "d/\nd/g\nd/h/\nd/h/i\ni\n", ""},
		{"tar cf - -C d . | (mkdir e; tar xf - -C e) && cat e/g", 0, "g\n", ""},
		{"tar -cvf t.tar f d/g && tar tf t.tar", 0, "f\nd/g\nf\nd/g\n", ""},
		{"tar cf t.tar /srv/*/f; tar tf t.tar | cat > list; cmp -s list list && echo same", 0, "same\n", ""},
		{"tar xf f", 1, "", "unexpected EOF"},
		{"tar -x", 2, "", "tar -c|-x|-t"},
		{"tar cf t.tar nothing", 1, "", "nothing"},

		{"gzip f && ls && gunzip f.gz && cat f", 0, "d\nf.gz\nf\n", ""},
		{"gzip -k f && gzip -dc f.gz", 0, "f\n", ""},
		{"gzip < f | gzip -d", 0, "f\n", ""},
		{"gunzip f", 1, "", "does not end in .gz"},

		{"cmp f f", 0, "", ""},
		{"cmp f d/g", 1, "f d/g differ: byte 1\n", ""},
		{"cmp -s f d/g", 1, "", ""},
		{"cmp f nothing", 2, "", "nothing"},

		{"printf abc | sha256sum", 0, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  -\n", ""},
		{"printf abc > f; sha256sum f; shasum -a 256 f", 0, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  f\nba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad f\n", ""},
		{"sha256sum nothing", 1, "", "nothing"},

		{"echo a b c | xargs -n 2 echo x", 0, "x a b\nx c\n", ""},
		{"find . -type f | xargs cat", 0, "g\ni\nf\n", ""},
		{`printf 'a b\000c' | xargs -0 -n 1 echo`, 0, "a b\nc\n", ""},
		{"xargs echo nothing < /dev/null", 0, "", ""},
		{"echo a | xargs false", 123, "", ""},
		{"echo nothing | xargs rm", 123, "", "nothing"},

		{"chmod 400 f && find f -perm 400 && chmod u+w f && find f -perm 600", 0, "f\nf\n", ""},
		{"chmod -R 700 d && find d -perm 700", 0, "d\nd/g\nd/h\nd/h/i\n", ""},
		{"chmod 600 nothing", 1, "", "nothing"},
		{"touch new && ls", 0, "d\nf\nnew\n", ""},
		{"touch no/where", 1, "", "touch"},
		{"printf abc | base64; printf YWJj | base64 -d", 0, "YWJj\nabc", ""},
		{"x=$(mktemp) && test -f $x && case $x in /tmp/*) echo there;; esac; rm $x", 0, "there\n", ""},
		{"pidof etcd", 1, "", ""},
		{"pidof sshd", 2, "", "only the process ID of etcd"},
		{"ls nothing f", 1, "f\n", "nothing"},
		{"touch .h; ls; ls -a; ls -A d; ls -d d; ls d f", 0, "d\nf\n.\n..\n.h\nd\nf\ng\nh\nd\nd:\ng\nh\nf\n", ""},
		{"touch -d 2020-01-02T03:04:05Z f && chmod 640 f && ls -l f", 0, "-rw-r-----          2 2020-01-02 03:04:05 f\n", ""},
		{"x=$(ls -i f); cp f e; mv f d/m; y=$(ls -di d/m); z=$(ls -i e); test \"${x% f}\" = \"${y% d/m}\" && test \"${x% f}\" != \"${z% e}\" && echo moved", 0, "moved\n", ""},
		{"ls -Q", 2, "", "no option"},

		{"find d -type f; find . -name '[gi]' -maxdepth 2", 0, "d/g\nd/h/i\n./d/g\n", ""},
		{"find nothing d -type d", 1, "d\nd/h\n", "nothing"},
		{`find d -type f -exec cat {} \;`, 0, "g\ni\n", ""},
		{`find . -name f -exec echo {} ';'; find . -name f -exec false \;`, 0, "./f\n", ""},
		{"find d -newer f", 2, "", "find [PATH"},
		{"sleep 0.01 10x", 2, "", "not a time"},
		{"sleep 0.01; sleep 0s; sync", 0, "", ""},
		{"sleep -- -1", 2, "", "not a time"},
	} {
		t.Run(tt.script, func(t *testing.T) {
			setup := "mkdir -p /srv && cd /srv && x=$(mktemp -d -p /srv) && cd $x && echo f > f && mkdir -p d/h && echo g > d/g && echo i > d/h/i && chmod 755 d d/h\n"
			out, err := w.Run(within(t, 20*time.Second), setup+tt.script)
			if err != nil {
				t.Fatal(err)
			}
			if out.ExitCode != tt.code || out.Stdout != tt.stdout || !strings.Contains(out.Stderr, tt.stderr) || tt.stderr == "" && out.Stderr != "" {
				t.Errorf("exits with %d, prints %q and %q;\nwant %d, %q and %q", out.ExitCode, out.Stdout, out.Stderr, tt.code, tt.stdout, tt.stderr)
			}
			w.sh(t, "rm -rf /srv")
		})
	}
}

// Every command is used above, and none is there that the package's comment
// does not know of.
func TestCommandsAreKnown(t *testing.T) {
	want := strings.Fields("base64 cat chmod cmp cp find gunzip gzip ls mkdir mktemp mv rm sha256sum shasum sleep sync tar touch xargs")
	if got := slices.Sorted(maps.Keys(commands)); !slices.Equal(got, want) {
		t.Errorf("the commands are %v, want %v", got, want)
	}
}

// mv between file systems copies and removes. No second file system can be
// counted on, so what it then does is done by itself.
func TestCopyPreserves(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "to")
	if err := os.WriteFile(filepath.Join(from, "f"), []byte("x"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("f", filepath.Join(from, "l")); err != nil {
		t.Fatal(err)
	}
	old := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(from, "f"), old, old); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(t.Context(), from, to, copyHow{tree: true, preserve: true}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(to, "f"))
	if err != nil || info.Mode().Perm() != 0o640 || !info.ModTime().Equal(old) {
		t.Errorf("the copy is %v, %v", info, err)
	}
	if target, err := os.Readlink(filepath.Join(to, "l")); err != nil || target != "f" {
		t.Errorf("the link is %q, %v", target, err)
	}
}

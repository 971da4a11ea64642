package scenarios_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/etcd-firedrill/firedrill/fixtures/browser"
	"github.com/etcd-firedrill/firedrill/harness"
)

// crowd is how many shells a game day has at once.
const crowd = 20

var _ = Describe("game day", func() {
	It("has twenty shells and two browsers at once", Label("process", "gameday", "browser"), func(ctx SpecContext) {
		facilitator, wall := browser.Open(GinkgoT()), browser.Open(GinkgoT())
		day := openDoors(ctx)
		for page, address := range map[*browser.Window]string{facilitator: day.address("the facilitator's page"), wall: day.address("the wall, for all")} {
			page.Do(browser.Wide(1280, 800), chromedp.Navigate(address))
			page.See("the page, live", `document.querySelector('#live')?.innerText === 'live'`)
		}
		var shells []*gexec.Session
		for i := range crowd {
			name := fmt.Sprintf("mate-%02d", i)
			looks := fmt.Sprintf("firedrill host ls; etcdctl endpoint health; firedrill host exec -n m1 -- echo %s; while sleep 3; do firedrill host status m1; done\n", name)
			mate, _ := day.shell(ctx, name, looks)
			shells = append(shells, mate)
		}
		ann, did := day.shell(ctx, "ann", onceItStruck+"sh "+day.book()+" </dev/null && firedrill gameday --done\nexit $?\n")
		Eventually(ctx, ann).Should(gexec.Exit(0), func() string { return string(did.Contents()) })
		for _, mate := range shells {
			Eventually(ctx, mate).Should(gexec.Exit(0))
		}
		wall.ReadsWithin(recovered, ".outcome", "Held")
		facilitator.ReadsWithin(recovered, ".outcome", "Held")

		report, record := day.after(ctx)
		Expect(report.Verdict).To(Equal(harness.Held), "%s", explain(report))
		Expect(record.Shells).To(HaveLen(crowd + 1))
		for i := range crowd {
			name := fmt.Sprintf("mate-%02d", i)
			Expect(commandsOf(report, name)).To(ContainElements("firedrill host ls", "etcdctl endpoint health", "firedrill host exec m1 -- echo "+name), name)
		}
		Expect(left(day)).To(BeEmpty())
	}, SpecTimeout(specDeadline), early)
})

// left is what there still is of a game day that is over: its drill's files, and processes
// that work or are rooted there.
func left(d *gameDay) (found []string) {
	GinkgoHelper()
	drill := filepath.Dir(filepath.Dir(d.address("by --socket "))) // of the desk, where the socket is
	if _, err := os.Stat(drill); err == nil {
		found = append(found, drill)
	}
	procs, err := filepath.Glob("/proc/[0-9]*")
	Expect(err).NotTo(HaveOccurred())
	for _, proc := range procs {
		for _, link := range []string{"root", "cwd", "exe"} {
			if to, err := os.Readlink(filepath.Join(proc, link)); err == nil && strings.HasPrefix(to, drill+"/") {
				found = append(found, proc+": "+to)
			}
		}
	}
	return found
}

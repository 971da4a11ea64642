package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Credentials are for an S3 server. However they are printed or encoded, the
// secret is not in it.
type Credentials struct{ AccessKey, SecretKey string }

const redacted = "(S3 credentials)"

// Format prints that these are credentials, whatever the verb.
func (Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText encodes that these are credentials, in JSON too.
func (Credentials) MarshalText() ([]byte, error) { return []byte(redacted), nil }

const hintCredentials = "\nhint: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE to a profile in ~/.aws/credentials"

// known are where credentials come from, and all that ever came from there: what
// minio-go is asked for later may be read, or asked for, anew.
type known struct {
	credentials.Provider
	mu  sync.Mutex
	got []string
}

func (k *known) RetrieveWithCredContext(c *credentials.CredContext) (credentials.Value, error) {
	value, err := k.Provider.RetrieveWithCredContext(c)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, part := range []string{value.SecretAccessKey, value.SessionToken, value.AccessKeyID} {
		if part != "" && !slices.Contains(k.got, part) {
			k.got = append(k.got, part)
		}
	}
	return value, err
}

func (k *known) parts() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.got)
}

// find finds credentials and looks at them once, so that there being none shows
// before anything is asked of the server. The errors of the libraries that read
// the files are not passed on: they quote lines.
func (c Credentials) find(ctx context.Context, client *http.Client) (*known, error) {
	if c != (Credentials{}) {
		if c.AccessKey == "" || c.SecretKey == "" {
			return nil, errors.New("the credentials lack one of their two parts")
		}
		return &known{Provider: &credentials.Static{Value: credentials.Value{
			AccessKeyID: c.AccessKey, SecretAccessKey: c.SecretKey, SignerType: credentials.SignatureV4,
		}}}, nil
	}
	id := os.Getenv("AWS_ACCESS_KEY_ID") + os.Getenv("AWS_ACCESS_KEY")
	secret := os.Getenv("AWS_SECRET_ACCESS_KEY") + os.Getenv("AWS_SECRET_KEY")
	switch {
	case id != "" && secret != "":
		return &known{Provider: &credentials.EnvAWS{}}, nil
	case id != "":
		return nil, errors.New("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not" + hintCredentials)
	case secret != "":
		return nil, errors.New("AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not" + hintCredentials)
	}
	profile := os.Getenv("AWS_PROFILE")
	if profile == "" {
		profile = "default"
	}
	files := &known{Provider: &credentials.FileAWSCredentials{Profile: profile}}
	value, err := files.RetrieveWithCredContext(&credentials.CredContext{Client: client})
	if end := ctx.Err(); end != nil {
		return nil, end
	}
	if err != nil || value.AccessKeyID == "" || value.SecretAccessKey == "" {
		return nil, fmt.Errorf("there are no credentials: none in the environment, and none that can be used in the profile %q of the AWS files%s", profile, hintCredentials)
	}
	return files, nil
}

var signatures = regexp.MustCompile(`Signature=[0-9a-f]+`)

// scrub takes credentials and what was signed with them out of a text. Servers may quote what they were sent.
func scrub(text string, parts []string) string {
	text = signatures.ReplaceAllString(text, "Signature="+redacted)
	for _, part := range parts {
		text = strings.ReplaceAll(text, part, redacted)
	}
	return text
}

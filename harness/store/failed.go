package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/minio/minio-go/v7"
)

// failure is an error whose text is ours, because that of the library or of the
// server may say too much, and of one kind or none.
type failure struct {
	text  string
	kinds []error
}

func (f *failure) Error() string   { return f.text }
func (f *failure) Unwrap() []error { return f.kinds }

// failed says what an error of the S3 library means to callers. The library's
// own error is not wrapped: nobody may get at a text that was not scrubbed.
func (b *bucket) failed(ctx context.Context, a attempt, err error) error {
	if done := (*failure)(nil); errors.As(err, &done) {
		return err
	}
	text, hint, kinds := err.Error(), "", []error(nil)
	var (
		told      minio.ErrorResponse
		network   net.Error
		address   *url.Error
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		handshake tls.RecordHeaderError
		own       ownError
	)
	switch end := ctx.Err(); {
	case errors.Is(end, context.DeadlineExceeded):
		kinds, hint = []error{ErrUnavailable, end}, "the server did not answer in the time there was: see whether it can be reached, and is busy"
	case end != nil:
		kinds = []error{end}
	case errors.Is(err, errChanged):
		kinds, hint = []error{ErrDamaged}, "nothing was stored; put it again once nobody writes it"
	case errors.As(err, &own):
	case errors.As(err, &told):
		text = told.Code + ": " + told.Error()
		kinds, hint = meaning(told)
	case errors.As(err, &authority), errors.As(err, &host):
		hint = "have SSL_CERT_FILE name the certificate of the authority that the server's is signed by"
	case errors.As(err, &handshake), errors.As(err, &address) && address.Err.Error() == "http: server gave HTTP response to HTTPS client":
		hint = "the server does not speak TLS: give the S3 endpoint as http://HOST:PORT"
	case errors.As(err, &network), address != nil, errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		kinds, hint = []error{ErrUnavailable}, "see whether the server runs and can be reached, then try again"
	}
	for _, kind := range kinds {
		text += " (" + kind.Error() + ")"
	}
	if hint != "" {
		hint = "\nhint: " + hint
	}
	return &failure{a.doing + " " + a.on + ": " + scrub(text, b.known.parts()) + hint, kinds}
}

// meaning is what an answer of the server means.
func meaning(told minio.ErrorResponse) (kinds []error, hint string) {
	switch told.Code {
	case minio.NoSuchBucket:
		return []error{ErrNotFound}, "create the bucket, or give the name of one that there is; and see whether this is an S3 endpoint"
	case minio.NoSuchKey:
		return []error{ErrNotFound}, "list the store to see which backups it has"
	case "BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest", "IncompleteBody":
		return []error{ErrDamaged}, "it was altered on its way to the server, and not stored: put it again"
	case "SignatureDoesNotMatch", "InvalidAccessKeyId", "InvalidTokenId", "ExpiredToken", "XAdminUserNotFound": // the last is versitygw's
		return nil, "the server does not know these credentials: see AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or AWS_PROFILE"
	case "AccessDenied":
		return nil, "the server knows these credentials, or none, but does not let them do this: they must list and get below the prefix; put there too where backups are taken, and delete where old ones are to go"
	case "RequestTimeTooSkewed":
		return nil, "set the clock of this machine"
	case "AuthorizationHeaderMalformed", "InvalidRegion", "PermanentRedirect":
		return nil, "set AWS_REGION to the bucket's region"
	}
	switch {
	case told.StatusCode >= http.StatusInternalServerError, told.StatusCode == http.StatusTooManyRequests, told.StatusCode == http.StatusRequestTimeout:
		return []error{ErrUnavailable}, "the server is there but does not serve: try again when it does"
	}
	return nil, "see whether this is an S3 endpoint, and what its own log says"
}

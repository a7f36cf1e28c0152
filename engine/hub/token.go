package hub

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// maxToken bounds a saved token; the hub's have some 40 characters.
const maxToken = 4 << 10

// token is HF_TOKEN, else the token that "hf auth login" has saved in the file that
// HF_TOKEN_PATH names or in token of homeFolder, unless HF_HUB_DISABLE_IMPLICIT_TOKEN says not
// to use it. A token is a secret: an unencrypted endpoint on another machine does not get it.
func token(getenv func(string) string, endpoint *url.URL) (string, error) {
	plain := endpoint.Scheme == "http" && !loopback(endpoint.Hostname())
	if t := strings.TrimSpace(getenv("HF_TOKEN")); t != "" {
		if plain {
			return "", fmt.Errorf("HF_ENDPOINT %s: HF_TOKEN is not sent without encryption; use https or unset HF_TOKEN", endpoint)
		}
		return t, checkToken(t, "HF_TOKEN")
	}
	switch strings.ToUpper(getenv("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
	case "1", "ON", "YES", "TRUE":
		return "", nil
	}
	path := getenv("HF_TOKEN_PATH")
	if path == "" {
		home, err := homeFolder(getenv)
		if err != nil {
			return "", nil // no home, nothing saved there
		}
		path = filepath.Join(home, "token")
	}
	if plain {
		return "", nil
	}
	return savedToken(path)
}

// savedToken reads a token; "" where none was saved.
func savedToken(path string) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("the saved token: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("the saved token: %w", err)
	}
	if len(b) > maxToken {
		return "", fmt.Errorf("%s: too long to be a token", path)
	}
	t := strings.TrimSpace(string(b))
	return t, checkToken(t, path)
}

// checkToken refuses what cannot stand in a header, without showing it.
func checkToken(t, from string) error {
	for _, r := range t {
		if r <= ' ' || r > '~' {
			return fmt.Errorf("%s holds no token: it has characters that none has", from)
		}
	}
	return nil
}

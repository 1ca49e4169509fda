<?php
/**
 * Plugin Name: Stand-in for Contact Form 7
 *
 * For tests only. Fires what the real plugin fires after an entry, in its order and with its arguments, and has the few
 * methods of it that others read. Forms are kept in an option: id => title, tags (type, name, options, content, raw values),
 * settings. As seen on 6.1.6:
 *
 * - Values are as typed, without slashes and without spaces at the ends: WPCF7_Submission::setup_posted_data() in
 *   includes/submission.php. Boxes that are not checked are empty values.
 * - Choices are those of the form, in the author's writing and behind a pipe, whatever the browser posted:
 *   WPCF7_Pipes::do_pipe() in includes/pipe.php. Text typed beside a choice is joined with it: wpcf7_posted_data_checkbox() in
 *   modules/checkbox.php.
 * - Names that begin with "_" are not values.
 */

class WPCF7_FormTag {
	public $type;
	public $basetype;
	public $name    = '';
	public $options = array();
	public $content = '';
	public $raw_values = array();

	public function __construct( array $tag ) {
		$this->type     = $tag[0];
		$this->basetype = trim( $tag[0], '*' );
		$this->name     = isset( $tag[1] ) ? $tag[1] : '';
		$this->options  = isset( $tag[2] ) ? $tag[2] : array();
		$this->content  = isset( $tag[3] ) ? $tag[3] : '';
		$this->raw_values = isset( $tag[4] ) ? $tag[4] : array();
	}

	public function do_pipe( $input ) {
		foreach ( $this->raw_values as $raw ) {
			list( $before, $after ) = false === strpos( $raw, '|' ) ? array( $raw, $raw ) : explode( '|', $raw, 2 );
			if ( html_entity_decode( $input, ENT_QUOTES | ENT_HTML5, 'UTF-8' ) === html_entity_decode( trim( $before ), ENT_QUOTES | ENT_HTML5, 'UTF-8' ) ) {
				return trim( $after );
			}
		}
		return $input;
	}

	public function has_option( $name ) {
		return (bool) preg_grep( '/^' . preg_quote( $name, '/' ) . '(:.+)?$/i', $this->options );
	}
}

class WPCF7_ContactForm {
	private $id;
	private $form;

	public function __construct( $id, array $form ) {
		$this->id   = $id;
		$this->form = $form;
	}

	public static function find( $args = '' ) {
		$found = array();
		foreach ( get_option( 'standin_cf7', array() ) as $id => $form ) {
			$found[] = new self( $id, $form );
		}
		return $found;
	}

	public static function get_instance( $id ) {
		$forms = get_option( 'standin_cf7', array() );
		return isset( $forms[ (int) $id ] ) ? new self( (int) $id, $forms[ (int) $id ] ) : null;
	}

	public function id() {
		return $this->id;
	}

	public function title() {
		return $this->form['title'];
	}

	public function scan_form_tags( $cond = null ) {
		return array_map(
			static function ( $tag ) {
				return new WPCF7_FormTag( $tag );
			},
			$this->form['tags']
		);
	}

	public function is_true( $name ) {
		return ! empty( $this->form['settings'][ $name ] );
	}
}

class WPCF7_Submission {
	private static $instance;
	private $posted_data = array();
	private $meta        = array();

	public static function get_instance( $contact_form = null, $args = '' ) {
		return empty( self::$instance ) ? null : self::$instance;
	}

	public function get_posted_data( $name = '' ) {
		if ( '' === $name ) {
			return $this->posted_data;
		}
		return isset( $this->posted_data[ $name ] ) ? $this->posted_data[ $name ] : null;
	}

	public function get_meta( $name ) {
		if ( isset( $this->meta[ $name ] ) ) {
			return $this->meta[ $name ];
		}
	}

	public function uploaded_files() {
		return array( 'your-file' => array( '/tmp/never-to-be-touched' ) );
	}

	/** One submission is one request in real life. */
	public static function begin( WPCF7_ContactForm $form, array $post, $url ) {
		$one              = new self();
		self::$instance   = $one;
		$one->meta        = array(
			'timestamp'         => time(),
			'remote_ip'         => '127.0.0.1',
			'url'               => $url,
			'unit_tag'          => 'wpcf7-f' . $form->id() . '-p2-o1',
			'container_post_id' => 2,
			'current_user_id'   => 0,
			'do_not_store'      => $form->is_true( 'do_not_store' ),
		);
		$one->posted_data = array_filter(
			map_deep( wp_unslash( $post ), 'trim' ),
			static function ( $key ) {
				return '_' !== substr( $key, 0, 1 );
			},
			ARRAY_FILTER_USE_KEY
		);
		foreach ( $form->scan_form_tags() as $tag ) {
			if ( '' === $tag->name ) {
				continue;
			}
			$value = isset( $one->posted_data[ $tag->name ] ) ? $one->posted_data[ $tag->name ] : '';
			if ( in_array( $tag->basetype, array( 'checkbox', 'radio', 'select' ), true ) ) {
				$value = '' === $value ? array() : array_map( array( $tag, 'do_pipe' ), (array) $value );
				if ( $tag->has_option( 'free_text' ) && $value ) {
					$value[] = trim( array_pop( $value ) . ' ' . wp_unslash( isset( $post[ '_wpcf7_free_text_' . $tag->name ] ) ? $post[ '_wpcf7_free_text_' . $tag->name ] : '' ) );
				}
			}
			$one->posted_data[ $tag->name ] = $value;
			if ( $tag->has_option( 'consent_for:storage' ) && empty( $value ) ) {
				$one->meta['do_not_store'] = true;
			}
		}
	}
}

/**
 * Sends a form in, as the browser does: $post is slashed like $_POST.
 */
function standin_cf7_submit( $id, array $post, $status = 'mail_sent', $url = 'http://127.0.0.1/contact/' ) {
	$form = WPCF7_ContactForm::get_instance( $id );
	WPCF7_Submission::begin( $form, $post, $url );
	if ( 'mail_sent' === $status ) {
		do_action( 'wpcf7_mail_sent', $form );
	} elseif ( 'mail_failed' === $status ) {
		do_action( 'wpcf7_mail_failed', $form );
	}
	$hash   = in_array( $status, array( 'init', 'validation_failed', 'acceptance_missing', 'spam' ), true ) ? '' : md5( wp_json_encode( $post ) );
	$result = array(
		'contact_form_id'  => $form->id(),
		'status'           => $status,
		'message'          => 'As the form says.',
		'posted_data_hash' => $hash,
	);
	if ( 'validation_failed' === $status ) {
		$result['invalid_fields'] = array();
	}
	do_action( 'wpcf7_submit', $form, $result );
	return $result;
}

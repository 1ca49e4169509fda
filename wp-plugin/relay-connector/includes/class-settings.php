<?php
/**
 * The connection settings.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector;

use Relay_Connector\Results\Comment_Summaries;
use Relay_Connector\Sending\Gateway_Address;
use Relay_Connector\Status\Email_Alert;

defined( 'ABSPATH' ) || exit;

/**
 * Reads each connection setting from wp-config.php, otherwise from the environment, otherwise from the options.
 */
final class Settings {

	const GROUP            = 'relay_connector';
	const CONNECTION_GROUP = 'relay_connector_connection';

	const ENDPOINT       = 'relay_connector_endpoint';
	const KEY_ID         = 'relay_connector_key_id';
	const SECRET         = 'relay_connector_secret';
	const SEND_HELD      = 'relay_connector_send_held';
	const SEND_PINGS     = 'relay_connector_send_pings';
	const SKIP_INITIAL   = 'relay_connector_skip_initial';
	const KEEP_DATA      = 'relay_connector_keep_data';
	const RETENTION_DAYS = 'relay_connector_retention_days';
	const CONNECTED_AT   = 'relay_connector_connected_at';
	const OLD_KEY        = 'relay_connector_old_key';
	const SHOW_SENT_H    = 'relay_connector_show_sent_hours';

	const CONSTANTS = array(
		self::ENDPOINT => 'RELAY_CONNECTOR_ENDPOINT',
		self::KEY_ID   => 'RELAY_CONNECTOR_KEY_ID',
		self::SECRET   => 'RELAY_CONNECTOR_SECRET',
	);

	const DEFAULT_PATH        = '/webhooks/wp';
	const KEY_ID_FORMAT       = '/^[A-Za-z0-9._:-]{0,128}$/D';
	const SHORTEST_SECRET     = 32;
	const SAMPLE_SECRETS      = array( 'replace_me', 'replaceme', 'change_me', 'changeme', 'secret', 'shared_secret' );
	const DEFAULT_RETENTION_D = 30;

	/**
	 * For how many hours the content of sent events can be shown; 0 is off.
	 */
	const SHOW_SENT_CHOICES = array( 0, 1, 4, 24, 72 );

	/**
	 * Registers the options.
	 */
	public function add_hooks() {
		add_action( 'admin_init', array( $this, 'register' ) );
	}

	/**
	 * Registers each option with its sanitize callback. WordPress calls the callback twice for a new option, so each one
	 * accepts its own output.
	 */
	public function register() {
		// Created before the first save, with autoload off: the secret is not loaded on every request.
		add_option( self::SECRET, array(), '', 'no' );
		$options = array(
			self::ENDPOINT            => array( 'string', 'sanitize_endpoint' ),
			self::KEY_ID              => array( 'string', 'sanitize_key_id' ),
			self::SECRET              => array( 'array', 'sanitize_secret' ),
			self::SEND_HELD           => array( 'boolean', 'sanitize_checkbox' ),
			self::SEND_PINGS          => array( 'boolean', 'sanitize_checkbox' ),
			self::SKIP_INITIAL        => array( 'boolean', 'sanitize_checkbox' ),
			self::KEEP_DATA           => array( 'boolean', 'sanitize_checkbox' ),
			self::RETENTION_DAYS      => array( 'integer', 'sanitize_retention_days' ),
			self::SHOW_SENT_H         => array( 'integer', 'sanitize_show_sent' ),
			Comment_Summaries::OPTION => array( 'boolean', 'sanitize_checkbox' ),
			Email_Alert::OPTION       => array( 'boolean', 'sanitize_checkbox' ),
		);
		foreach ( $options as $option => $how ) {
			register_setting(
				isset( self::CONSTANTS[ $option ] ) ? self::CONNECTION_GROUP : self::GROUP,
				$option,
				array(
					'type'              => $how[0],
					'sanitize_callback' => array( $this, $how[1] ),
					'show_in_rest'      => false,
				)
			);
		}
	}

	/**
	 * The full URL that events are posted to, or ''.
	 *
	 * @return string
	 */
	public function endpoint() {
		return trim( (string) $this->value( self::ENDPOINT ) );
	}

	/**
	 * The URL for questions about the key, next to the one for events.
	 *
	 * @return string
	 */
	public function key_endpoint() {
		$endpoint = $this->endpoint();
		$usual    = self::DEFAULT_PATH === substr( $endpoint, -strlen( self::DEFAULT_PATH ) );
		return $usual ? substr( $endpoint, 0, -strlen( '/wp' ) ) . '/key' : rtrim( $endpoint, '/' ) . '/key';
	}

	/**
	 * The id of the signing key, or '' if the gateway should try every key of the site.
	 *
	 * @return string
	 */
	public function key_id() {
		return trim( (string) $this->value( self::KEY_ID ) );
	}

	/**
	 * The signing secret, or ''. Only used to sign and for the fingerprint.
	 *
	 * @return string
	 */
	public function secret() {
		$value = $this->value( self::SECRET );
		return trim( is_array( $value ) ? (string) reset( $value ) : (string) $value );
	}

	/**
	 * Every secret that the gateway may sign with: the current one and, during a rotation, the previous one.
	 *
	 * @return string[]
	 */
	public function secrets() {
		$old = get_option( self::OLD_KEY, array() );
		$all = array( $this->secret() );
		if ( is_array( $old ) && isset( $old['secret'], $old['until'] ) && $old['until'] > time() ) {
			$all[] = (string) $old['secret'];
		}
		return array_filter( $all, 'strlen' );
	}

	/**
	 * Replaces the key in use. The previous secret is still accepted from the gateway until it expires.
	 *
	 * @param string $key_id The new key's id.
	 * @param string $secret The new key's secret.
	 * @param int    $until  When the old key expires, in Unix seconds.
	 */
	public function change_key( $key_id, $secret, $until ) {
		$old = array(
			'secret' => $this->secret(),
			'until'  => $until,
		);
		update_option( self::OLD_KEY, $old, false );
		update_option( self::SECRET, array( $secret ), false );
		update_option( self::KEY_ID, $key_id );
	}

	/**
	 * Checks and stores a whole connection. If the site gets a new key for the same address, results that are signed with
	 * the old key are accepted for another day.
	 *
	 * @param string[] $connection With endpoint, key_id and secret.
	 * @return string Why it was not stored, or ''.
	 */
	public function connect( array $connection ) {
		$problem = $this->connection_problem( $connection );
		if ( '' !== $problem ) {
			return $problem;
		}
		$has_old = $this->endpoint() === $connection['endpoint'] && '' !== $this->secret() && $this->secret() !== $connection['secret'];
		if ( $has_old ) {
			$this->change_key( $connection['key_id'], $connection['secret'], time() + DAY_IN_SECONDS );
			return '';
		}
		update_option( self::SECRET, array( $connection['secret'] ), false );
		update_option( self::KEY_ID, $connection['key_id'] );
		update_option( self::ENDPOINT, $connection['endpoint'] );
		return '';
	}

	/**
	 * Why the connection cannot be changed on this site.
	 *
	 * @return string A message, or ''.
	 */
	public function blocked_reason() {
		foreach ( array_keys( self::CONSTANTS ) as $option ) {
			$fixed = $this->overridden_by( $option );
			if ( '' !== $fixed ) {
				/* translators: %s: name of a constant. */
				return sprintf( __( 'The connection is set by %s in wp-config.php or the server\'s environment, and this plugin cannot change it. Change it there, or remove it there first.', 'relay-connector' ), $fixed );
			}
		}
		return '';
	}

	/**
	 * What is wrong with a whole connection.
	 *
	 * @param string[] $connection With endpoint, key_id and secret.
	 * @return string A message, or ''.
	 */
	private function connection_problem( array $connection ) {
		$problem = $this->blocked_reason();
		if ( '' === $problem ) {
			$problem = ( new Gateway_Address( $connection['endpoint'] ) )->format_problem();
		}
		if ( '' !== $problem ) {
			return $problem;
		}
		if ( ! preg_match( self::KEY_ID_FORMAT, $connection['key_id'] ) || strlen( $connection['secret'] ) < self::SHORTEST_SECRET || esc_url_raw( $connection['endpoint'] ) !== $connection['endpoint'] ) {
			return __( 'The connection has a value that Relay does not make: a program has changed it. Nothing was stored. Copy the connection string again.', 'relay-connector' );
		}
		return '';
	}

	/**
	 * The first 8 hex digits of the secret's SHA-256: enough to compare with Relay, useless to sign with.
	 *
	 * @return string '' if there is no secret.
	 */
	public function fingerprint() {
		return '' === $this->secret() ? '' : substr( hash( 'sha256', $this->secret() ), 0, 8 );
	}

	/**
	 * Changes when the address, the key id or the secret changes, wherever they are set.
	 *
	 * @return string
	 */
	public function connection_hash() {
		return hash( 'sha256', $this->endpoint() . "\n" . $this->key_id() . "\n" . $this->secret() );
	}

	/**
	 * Whether comments held for moderation are sent too.
	 *
	 * @return bool
	 */
	public function sends_held() {
		return (bool) get_option( self::SEND_HELD, false );
	}

	/**
	 * Whether pingbacks and trackbacks are sent as comments.
	 *
	 * @return bool
	 */
	public function sends_pings() {
		return (bool) get_option( self::SEND_PINGS, false );
	}

	/**
	 * Whether a status change that belongs to the creation of an order is left out.
	 *
	 * @return bool
	 */
	public function skips_initial() {
		return (bool) get_option( self::SKIP_INITIAL, false );
	}

	/**
	 * Whether data is kept when the plugin is deleted.
	 *
	 * @return bool
	 */
	public static function keeps_data() {
		return (bool) get_option( self::KEEP_DATA, false );
	}

	/**
	 * How many days the rows of finished events are kept.
	 *
	 * @return int
	 */
	public function retention_days() {
		return (int) get_option( self::RETENTION_DAYS, self::DEFAULT_RETENTION_D );
	}

	/**
	 * For how many hours the content of sent events can be shown.
	 *
	 * @return int 0 if it is not stored.
	 */
	public static function show_sent_hours() {
		return (int) get_option( self::SHOW_SENT_H, 0 );
	}

	/**
	 * Whether there is an address to send to and a secret to sign with.
	 *
	 * @return bool
	 */
	public function is_configured() {
		return '' !== $this->endpoint() && '' !== $this->secret();
	}

	/**
	 * Whether events are recorded. True from the first complete setup on, so that no event is lost if a setting is
	 * removed later.
	 *
	 * @return bool
	 */
	public function collects_events() {
		return (bool) get_option( self::CONNECTED_AT, 0 ) || $this->is_configured();
	}

	/**
	 * Records that the connection has been complete once.
	 */
	public function record_connected() {
		if ( ! get_option( self::CONNECTED_AT, 0 ) ) {
			update_option( self::CONNECTED_AT, time() );
		}
	}

	/**
	 * The name of the constant or environment variable that overrides an option, or ''.
	 *
	 * @param string $option One of the keys of CONSTANTS.
	 * @return string
	 */
	public function overridden_by( $option ) {
		return null === $this->override_value( $option ) ? '' : self::CONSTANTS[ $option ];
	}

	/**
	 * Sanitizes the address. A bare host gets the default path.
	 *
	 * @param mixed $value The value entered.
	 * @return string
	 */
	public function sanitize_endpoint( $value ) {
		$old = (string) get_option( self::ENDPOINT, '' );
		if ( null === $value ) {
			return $old;
		}
		$value = trim( sanitize_text_field( (string) $value ) );
		if ( '' === $value ) {
			return '';
		}
		if ( ! preg_match( '#^[a-z][a-z0-9+.-]*://#i', $value ) ) {
			$value = 'https://' . $value;
		}
		$url  = esc_url_raw( $value, array( 'http', 'https' ) );
		$path = (string) wp_parse_url( $url, PHP_URL_PATH );
		if ( '' === $path || '/' === $path ) {
			$url = untrailingslashit( $url ) . self::DEFAULT_PATH;
		}
		$problem = ( new Gateway_Address( $url ) )->format_problem();
		if ( '' !== $problem ) {
			$this->add_error( self::ENDPOINT, $problem . ' ' . __( 'The gateway address was not changed.', 'relay-connector' ) );
			return $old;
		}
		return $url;
	}

	/**
	 * Sanitizes the key id.
	 *
	 * @param mixed $value The value entered.
	 * @return string
	 */
	public function sanitize_key_id( $value ) {
		$old = (string) get_option( self::KEY_ID, '' );
		if ( null === $value ) {
			return $old;
		}
		$value = trim( sanitize_text_field( (string) $value ) );
		if ( ! preg_match( self::KEY_ID_FORMAT, $value ) ) {
			$this->add_error( self::KEY_ID, __( 'A key ID can only contain letters, digits and the characters . _ : - The key ID was not changed. Copy it again from your site\'s page in Relay.', 'relay-connector' ) );
			return $old;
		}
		return $value;
	}

	/**
	 * Sanitizes the secret. An empty field keeps the saved one. The secret is stored in an array because
	 * wp-admin/options.php prints every plain option but shows only "SERIALIZED DATA" for an array.
	 *
	 * @param mixed $value The value entered, or the array that an earlier call returned.
	 * @return array
	 */
	public function sanitize_secret( $value ) {
		if ( is_array( $value ) ) {
			return $value;
		}
		$old   = get_option( self::SECRET, array() );
		$old   = is_array( $old ) ? $old : array( (string) $old );
		$value = trim( (string) $value );
		if ( '' === $value ) {
			return $old;
		}
		if ( preg_match( '/[^\x21-\x7e]/', $value ) ) {
			$this->add_error( self::SECRET, __( 'The secret contains a space, a line break or an unusual character. The secret was not changed. Copy it again in one piece.', 'relay-connector' ) );
			return $old;
		}
		if ( in_array( strtolower( $value ), self::SAMPLE_SECRETS, true ) ) {
			$this->add_error( self::SECRET, __( 'This secret is a sample from the documentation, and the gateway rejects it. The secret was not changed. Copy the one that Relay showed when the key was created.', 'relay-connector' ) );
			return $old;
		}
		if ( strlen( $value ) < self::SHORTEST_SECRET ) {
			/* translators: %d: number of characters. */
			$this->add_error( self::SECRET, sprintf( __( 'The secret was saved, but it is shorter than %d characters. Relay creates longer ones. Check that you copied all of it, then send a test event.', 'relay-connector' ), self::SHORTEST_SECRET ), 'warning' );
		}
		return array( $value );
	}

	/**
	 * Sanitizes a checkbox.
	 *
	 * @param mixed $value The value sent.
	 * @return int
	 */
	public function sanitize_checkbox( $value ) {
		return empty( $value ) ? 0 : 1;
	}

	/**
	 * Sanitizes the number of days.
	 *
	 * @param mixed $value The value entered.
	 * @return int
	 */
	public function sanitize_retention_days( $value ) {
		$days = (int) $value;
		return $days < 1 || $days > 365 ? self::DEFAULT_RETENTION_D : $days;
	}

	/**
	 * Sanitizes the number of hours.
	 *
	 * @param mixed $value The value chosen.
	 * @return int
	 */
	public function sanitize_show_sent( $value ) {
		return in_array( (int) $value, self::SHOW_SENT_CHOICES, true ) ? (int) $value : 0;
	}

	/**
	 * A setting from the first place that has it.
	 *
	 * @param string $option One of the keys of CONSTANTS.
	 * @return mixed
	 */
	private function value( $option ) {
		$fixed = $this->override_value( $option );
		return null === $fixed ? get_option( $option, '' ) : $fixed;
	}

	/**
	 * A setting from wp-config.php or the environment.
	 *
	 * @param string $option One of the keys of CONSTANTS.
	 * @return string|null Null if neither has it.
	 */
	private function override_value( $option ) {
		$name = self::CONSTANTS[ $option ];
		if ( defined( $name ) && '' !== (string) constant( $name ) ) {
			return (string) constant( $name );
		}
		$value = getenv( $name );
		return false === $value || '' === $value ? null : $value;
	}

	/**
	 * Adds a settings error for a field.
	 *
	 * @param string $option  The option.
	 * @param string $message The message.
	 * @param string $type    Either error or warning.
	 */
	private function add_error( $option, $message, $type = 'error' ) {
		if ( function_exists( 'add_settings_error' ) ) {
			add_settings_error( $option, $option . '_refused', $message, $type );
		}
	}
}

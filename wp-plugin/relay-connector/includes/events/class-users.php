<?php
/**
 * User registrations.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Sends a new user once, whether they registered, bought something or were added by an admin. Passwords are never
 * included.
 */
final class Users extends Base_Source {

	const TYPE = 'user.registered';

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'users';
	}

	/**
	 * The name on the settings page.
	 *
	 * @return string
	 */
	public function label() {
		return __( 'User registrations', 'relay-connector' );
	}

	/**
	 * The help text: what is sent and when.
	 *
	 * @return string
	 */
	public function help() {
		return __( 'A new user is sent once, however the account was created. Passwords are never sent.', 'relay-connector' );
	}

	/**
	 * The fields that can be switched off.
	 *
	 * @return string[]
	 */
	public function optional_fields() {
		return array(
			'email' => __( 'E-mail address', 'relay-connector' ),
			'name'  => __( 'Name', 'relay-connector' ),
		);
	}

	/**
	 * Listens to new users.
	 */
	public function add_hooks() {
		add_action( 'user_register', array( $this, 'on_register' ), 1000, 1 );
	}

	/**
	 * Whether events of a type come from this source.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type ) {
		return self::TYPE === $type;
	}

	/**
	 * A user was created.
	 *
	 * @param int $id The user.
	 */
	public function on_register( $id = 0 ) {
		$this->run_safely(
			function () use ( $id ) {
				$id = self::number( $id );
				if ( $id > 0 ) {
					$this->queue_once( self::TYPE, 'user', $id );
				}
			}
		);
	}

	/**
	 * Checks that the user still exists.
	 *
	 * @param object $row The row.
	 * @throws Event_Withdrawn If the user does not exist.
	 */
	public function check( $row ) {
		parent::check( $row );
		if ( ! get_userdata( (int) $row->object_id ) ) {
			throw new Event_Withdrawn( esc_html__( 'Not sent, because the user was deleted first.', 'relay-connector' ) );
		}
	}

	/**
	 * The fields of the event.
	 *
	 * @param object $row The row.
	 * @return array
	 */
	public function data( $row ) {
		$user       = get_userdata( (int) $row->object_id );
		$is_address = is_email( $user->user_login );
		$fields     = array(
			'id'         => (int) $user->ID,
			'login'      => Plain_Text::from_title( $user->user_login ),
			'roles'      => array_values( $user->roles ),
			'created_at' => str_replace( ' ', 'T', $user->user_registered ) . 'Z',
		);
		if ( $this->choices->sends_field( $this->slug(), 'email' ) ) {
			$fields['email'] = Plain_Text::from_title( $user->user_email );
		} elseif ( $is_address ) {
			// Many people use their e-mail address as their login.
			unset( $fields['login'] );
		}
		if ( $this->choices->sends_field( $this->slug(), 'name' ) ) {
			$fields['name']       = Plain_Text::from_title( $user->display_name );
			$fields['first_name'] = Plain_Text::from_title( $user->first_name );
			$fields['last_name']  = Plain_Text::from_title( $user->last_name );
		}
		return $fields;
	}

	/**
	 * The person's e-mail address.
	 *
	 * @param object $row The row.
	 * @return string
	 */
	public function email( $row ) {
		$user = get_userdata( (int) $row->object_id );
		return $user ? Plain_Text::from_title( $user->user_email ) : '';
	}

	/**
	 * The display name of a user, with only the first letter of the login.
	 *
	 * @param object $row The row.
	 * @return array With label and url.
	 */
	public function describe( $row ) {
		$user = get_userdata( (int) $row->object_id );
		return array(
			'label' => $user
				/* translators: 1: number of a user, 2: first letter of a name. */
				? sprintf( __( 'User %1$d, %2$s•••', 'relay-connector' ), $row->object_id, mb_substr( $user->user_login, 0, 1 ) )
				/* translators: %d: number of a user. */
				: sprintf( __( 'User %d (deleted)', 'relay-connector' ), $row->object_id ),
			'url'   => $user ? admin_url( 'user-edit.php?user_id=' . (int) $row->object_id ) : '',
		);
	}
}
